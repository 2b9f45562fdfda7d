/// The least number of letters that are put in, left out, changed, or swapped with the next one to make
/// one word of the other.
///
/// - Parameter most: Words whose lengths differ by more are not compared.
/// - Returns: What is more than `most` may be less than the least number.
public func edits(from first: String, to second: String, atMost most: Int) -> Int {
    let (first, second) = (Array(first), Array(second))
    guard abs(first.count - second.count) <= most else { return most + 1 }
    var before = [Int](repeating: 0, count: second.count + 1)
    var last = Array(0...second.count)
    for row in 1..<(first.count + 1) {
        var line = [row] + [Int](repeating: 0, count: second.count)
        for column in 1..<(second.count + 1) {
            let isSame = first[row - 1] == second[column - 1]
            line[column] = min(
                last[column] + 1, line[column - 1] + 1, last[column - 1] + (isSame ? 0 : 1))
            if row > 1, column > 1, first[row - 1] == second[column - 2],
                first[row - 2] == second[column - 1]
            {
                line[column] = min(line[column], before[column - 2] + 1)
            }
        }
        (before, last) = (last, line)
    }
    return last[second.count]
}

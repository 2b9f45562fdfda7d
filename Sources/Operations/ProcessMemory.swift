import Foundation

/// What the kernel counts of a process's memory, in bytes.
public struct ProcessMemory: Sendable, Equatable {
    /// Pages that are in memory and mapped.
    public var resident: Int
    /// The same, each page divided by the number of processes that map it.
    public var proportional: Int
    /// Resident pages that are no file's: heap, stacks, buffers. No other process shares them.
    public var anonymous: Int

    /// Resident pages of files and of shared memory: ranks of a node have them in common.
    public var shareable: Int { max(0, resident - anonymous) }

    /// The memory of a process as it is now.
    ///
    /// - Parameter process: Its id; `nil` for this process.
    /// - Returns: `nil` if there is no such process, or if it may not be looked at.
    public static func now(of process: Int32? = nil) -> ProcessMemory? {
        let path = "/proc/\(process.map { "\($0)" } ?? "self")/smaps_rollup"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        return ProcessMemory(smapsRollup: text)
    }

    /// From the text of `/proc/…/smaps_rollup`.
    init?(smapsRollup text: String) {
        let fields = Self.kibibytes(in: text)
        guard let resident = fields["Rss"], let proportional = fields["Pss"],
            let anonymous = fields["Anonymous"]
        else { return nil }
        self.resident = resident << 10
        self.proportional = proportional << 10
        self.anonymous = anonymous << 10
    }

    /// A process's proportional share of pages that are mapped from files whose path begins so.
    public static func proportional(of process: Int32, mappedFrom prefix: String) -> Int? {
        guard let text = wholeText(of: "/proc/\(process)/smaps") else { return nil }
        var (total, counts) = (0, false)
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            if words.count >= 5, words[0].contains("-"), !words[0].hasSuffix(":") {
                counts = words.count == 6 && words[5].drop { $0 == " " }.hasPrefix(prefix)
            } else if counts, words.count >= 2, words[0] == "Pss:" {
                total += (Int(words[1]) ?? 0) << 10
            }
        }
        return total
    }

    /// All of a file of `/proc`: those come a page at a time, and Foundation stops after the first.
    private static func wholeText(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &part, part.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += part[..<count]
        }
    }

    /// Lines such as `Rss:   1234 kB`, by name.
    private static func kibibytes(in text: String) -> [String: Int] {
        var fields: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count == 3, words[0].hasSuffix(":"), words[2] == "kB",
                let value = Int(words[1]), value >= 0, value < 1 << 50
            else { continue }
            fields[String(words[0].dropLast())] = value
        }
        return fields
    }
}

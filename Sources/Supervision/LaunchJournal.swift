import Files
import Foundation
import JSON

/// What the supervisor did and why: a line on standard error, and one JSON object a line in
/// `OUT/launch.jsonl`.
///
/// A journal that cannot be written stops nothing.
struct LaunchJournal {
    private let path: String

    init(out: String) { path = out + "/launch.jsonl" }

    func note(_ event: String, _ text: String, _ facts: [String: Int] = [:]) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        localtime_r(&now.tv_sec, &parts)
        var clock = [CChar](repeating: 0, count: 32)
        strftime(&clock, clock.count, "%H:%M:%S", &parts)
        let time = String(decoding: clock.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        // A job that was cut off leaves its view, whose last line this one takes.
        let begin = isatty(STDERR_FILENO) == 1 ? "\r\u{1B}[K" : ""
        FileHandle.standardError.write(Data("\(begin)[\(time) lora launch] \(text)\n".utf8))

        var members = facts.mapValues { JSONValue.integer($0) }
        members["event"] = .text(event)
        members["text"] = .text(text)
        members["unix_time"] = .number(Double(now.tv_sec) + Double(now.tv_nsec) / 1e9)
        let object = JSONObject(members.sorted { $0.key < $1.key })
        try? AppendedFile(path: path, followsLink: false)
            .append(Array((object.line + "\n").utf8))
    }
}

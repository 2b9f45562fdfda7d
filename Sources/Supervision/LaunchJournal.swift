import Foundation

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

        var object: [String: any Encodable & Sendable] = [
            "event": event, "text": text,
            "unix_time": Double(now.tv_sec) + Double(now.tv_nsec) / 1e9,
        ]
        for (name, value) in facts { object[name] = value }
        guard let line = try? JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
        else { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        (line + [10]).withUnsafeBytes { _ = write(descriptor, $0.baseAddress, $0.count) }
    }
}

import Faults
import FoundationEssentials
import Glibc
import JSON

/// The lines of an earlier job's metrics file, parted at the step of a checkpoint.
struct MetricsHistory {
    /// Lines that stay, each ending in a line feed.
    private(set) var kept: [UInt8] = []
    /// Lines that the resumed run will write anew, and lines that are no record.
    private(set) var superseded: [UInt8] = []
    /// Whether there was a file.
    private(set) var isFile = false

    /// Parts the file at `path`; a missing one has no lines.
    init(contentsOf path: String, resumeAtStep: Int?) throws(ProgressError) {
        // What is no file, such as /dev/null, remembers nothing.
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        let bytes: [UInt8]
        do {
            bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw ProgressError("cannot be read", at: path, hint: "It must be a readable file")
        }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let head = Head(line)
            let isTorn = head == nil && line.endIndex == bytes.endIndex
            if let head, !head.isSuperseded(by: resumeAtStep) {
                kept += line + [UInt8(ascii: "\n")]
            } else if !isTorn {
                superseded += line + [UInt8(ascii: "\n")]
            }
        }
        isFile = true
    }

    private struct Head {
        /// `run_started` has none.
        let step: Int?

        /// - Returns: `nil` if the line is no record.
        init?(_ line: ArraySlice<UInt8>) {
            guard let members = (try? JSONValue(json: Array(line)))?.members,
                members["kind"]?.string != nil
            else { return nil }
            step = members["step"]?.integer
        }

        func isSuperseded(by resumeAtStep: Int?) -> Bool {
            guard let resumeAtStep else { return true }
            guard let step else { return false }
            return step > resumeAtStep
        }
    }
}

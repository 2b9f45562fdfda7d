import ArgumentParser
import Faults
import Files
import Foundation
import JSON
import ModelFiles
import Tokenization

/// `lora tokenize`: the token ids of each line of a file.
struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Print the token ids of each line of a file.",
        discussion: """
            One line of ids, separated by blanks, for each line of FILE. No token is put before or \
            after a line; special tokens that stand in the text are recognised. A line ends with \
            a line feed; everything before it, a carriage return too, belongs to the line.

            Example:
              lora tokenize --model SmolLM2-135M-Instruct.Q4_1.gguf lines.txt
            """)

    @Option(help: "A model: a Hugging Face folder with tokenizer.json, or one GGUF file.")
    var model: String

    @Flag(help: "Each line is a JSON string, so that texts may hold line feeds.")
    var json = false

    @Argument(help: "A UTF-8 text file.")
    var file: String

    func run() throws {
        try exitingOnFault {
            let tokenizer = try Tokenizer(modelPath: model)
            let mapped = try MappedFile(path: file)
            let encoder = tokenizer.makeEncoder()
            var output = BufferedOutput()
            for (index, bytes) in lines(of: mapped).enumerated() {
                guard let line = text(of: bytes) else {
                    try output.flush()
                    throw InvalidLine(path: file, lineNumber: index + 1, isJSON: json)
                }
                let ids = try encoder.encode(line).map(String.init)
                try output.write(ids.joined(separator: " ") + "\n")
            }
            try output.flush()
        }
    }

    private func text(of line: UnsafeRawBufferPointer.SubSequence) -> String? {
        guard json else { return String(validating: line, as: UTF8.self) }
        guard case .text(let text)? = try? JSONValue(json: UnsafeRawBufferPointer(rebasing: line))
        else {
            return nil
        }
        return text
    }

    private func lines(of file: MappedFile) -> [UnsafeRawBufferPointer.SubSequence] {
        var lines = file.bytes.split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // The last line's end starts no further line.
        if lines.last?.isEmpty ?? false { lines.removeLast() }
        return lines
    }
}

/// A line of the file that is no text.
private struct InvalidLine: Fault {
    let path: String
    let lineNumber: Int
    let isJSON: Bool

    var problem: String { isJSON ? "is no JSON string" : "is not valid UTF-8" }
    var location: String? { "\(path):\(lineNumber)" }
    var hint: String? { isJSON ? nil : "Convert the file, e.g. with iconv -t UTF-8" }
}

/// Standard output that takes no more, e.g. on a full disk.
private struct UnwrittenOutput: Fault {
    let problem: String

    var location: String? { "standard output" }
    var hint: String? { nil }
    var exitCode: Faults.ExitCode { .tryAgain }
}

/// Standard output in large pieces.
private struct BufferedOutput {
    private var buffer = Data()

    mutating func write(_ text: String) throws {
        buffer.append(contentsOf: text.utf8)
        if buffer.count >= 1 << 16 { try flush() }
    }

    mutating func flush() throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: buffer)
        } catch {
            throw UnwrittenOutput(problem: "cannot be written (\(error.localizedDescription))")
        }
        buffer.removeAll(keepingCapacity: true)
    }
}

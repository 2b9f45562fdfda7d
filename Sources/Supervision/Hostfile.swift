import Foundation

/// The hosts that a job may run on, as Open MPI's hostfile names them: `name slots=N` a line.
public struct Hostfile: Sendable, Equatable {
    public struct Host: Sendable, Equatable {
        public let name: String
        /// Ranks that it takes.
        public let slots: Int

        public init(name: String, slots: Int) {
            self.name = name
            self.slots = slots
        }
    }

    /// In the file's order: the first one gets rank 0.
    public let hosts: [Host]

    public init(hosts: [Host]) { self.hosts = hosts }

    /// Reads a file: names with `slots=N` (one if it is missing), `#` begins a comment.
    ///
    /// - Throws: ``SupervisionError`` naming the file and the line.
    public init(path: String) throws(SupervisionError) {
        guard let data = FileManager.default.contents(atPath: path),
            let text = String(data: data, encoding: .utf8)
        else { throw SupervisionError(path, "cannot be read", hint: "--hosts names a hostfile") }
        var hosts: [Host] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let place = "\(path):\(index + 1)"
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard let name = words.first.map(String.init) else { continue }
            guard !name.hasPrefix("-"), !name.contains(","), !name.contains("=") else {
                throw SupervisionError(place, "'\(name)' is no name of a host")
            }
            guard !hosts.contains(where: { $0.name == name }) else {
                throw SupervisionError(place, "\(name) stands there twice", hint: "Add its slots")
            }
            var slots = 1
            for word in words.dropFirst() {
                guard word.hasPrefix("slots="), let count = Int(word.dropFirst(6)), count > 0
                else {
                    throw SupervisionError(
                        place, "'\(word)' is not understood", hint: "As in: node1 slots=8")
                }
                slots = count
            }
            hosts.append(Host(name: name, slots: slots))
        }
        guard !hosts.isEmpty else { throw SupervisionError(path, "names no host") }
        self.hosts = hosts
    }
}

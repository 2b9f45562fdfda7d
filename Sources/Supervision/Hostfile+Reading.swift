import Foundation

extension Hostfile {
    /// Reads a file as Open MPI 4.1 does, and refuses by line what it refuses or passes over.
    ///
    /// A host without `slots=` has as many as Open MPI counts cores there. Each further line with its
    /// name alone adds one. Line ends of any system and a byte order mark change nothing.
    ///
    /// - Throws: ``SupervisionError`` naming the file and the line.
    /// - Source: `orte/util/hostfile` of Open MPI 4.1.4, and what its mpirun says to each form.
    public init(path: String) throws(SupervisionError) {
        var entries = HostfileEntries()
        for (index, line) in try Self.lines(path).enumerated() {
            try entries.take(line, at: "\(path):\(index + 1)")
        }
        guard !entries.hosts.isEmpty else { throw SupervisionError(path, "names no host") }
        hosts = entries.hosts
    }

    private static func lines(_ path: String) throws(SupervisionError) -> [Substring] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SupervisionError(path, "cannot be read", hint: "--hosts names a hostfile")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw SupervisionError(
                path, "is not UTF-8 text",
                hint: "Save it as plain text; some editors write UTF-16")
        }
        var scalars = text.unicodeScalars[...]
        if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
        // A carriage return and a line feed are one Character.
        return String(scalars).replacingOccurrences(of: "\r\n", with: "\n")
            .split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r" }
    }
}

/// The hosts of a file, line after line.
private struct HostfileEntries {
    private struct Entry {
        let name: String
        var slots = 1
        /// Whether the number was said, by `slots=` or by naming the host again.
        var isCounted = false
        var mostSlots: Int?
    }

    private var entries: [Entry] = []

    var hosts: [Hostfile.Host] {
        entries.map {
            Hostfile.Host(
                name: $0.name, slots: $0.isCounted ? $0.slots : nil, mostSlots: $0.mostSlots)
        }
    }

    mutating func take(_ line: Substring, at place: String) throws(SupervisionError) {
        var words = Self.words(line)[...]
        guard let name = words.popFirst() else { return }
        guard words.first != "=" else {
            throw SupervisionError(
                place, "'\(name)=' stands where a host is named", hint: "As in: node1 slots=8")
        }
        try HostName.check(name, at: place)
        let line = try HostfileKeys(words, of: name, at: place)
        guard let index = entries.firstIndex(where: { $0.name == name }) else {
            entries.append(try Self.add(line, to: Entry(name: name), at: place))
            return
        }
        var entry = entries[index]
        entry.slots += 1
        entry.isCounted = true
        entries[index] = try Self.add(line, to: entry, at: place)
    }

    private static func add(
        _ line: HostfileKeys, to entry: Entry, at place: String
    ) throws(SupervisionError) -> Entry {
        var entry = entry
        if let slots = line.slots {
            guard !entry.isCounted else {
                throw SupervisionError(
                    place, "\(entry.name) stands there before, and its slots are counted already",
                    hint: "Give it one line with all its slots, as in: \(entry.name) slots="
                        + "\(entry.slots - 1 + slots)")
            }
            (entry.slots, entry.isCounted) = (slots, true)
        }
        if let most = line.mostSlots {
            entry.mostSlots = most
            if !entry.isCounted { (entry.slots, entry.isCounted) = (most, true) }
        }
        if let most = entry.mostSlots, most < entry.slots {
            throw SupervisionError(
                place, "\(entry.name) has max_slots=\(most) and \(entry.slots) slots",
                hint: "max_slots is never below slots")
        }
        return entry
    }

    /// What is divided by blanks, with each `=` a word of its own, up to a comment.
    private static func words(_ line: Substring) -> [String] {
        var line = line.prefix { $0 != "#" }
        if let comment = line.range(of: "//") { line = line[..<comment.lowerBound] }
        return line.replacingOccurrences(of: "=", with: " = ")
            .split { " \t\u{0B}\u{0C}".contains($0) }.map(String.init)
    }
}

/// What a line says of its host.
private struct HostfileKeys {
    private(set) var slots: Int?
    private(set) var mostSlots: Int?

    private static let slotsNames: Set = ["slots", "cpu", "count"]
    private static let mostNames = Set(
        slotsNames.flatMap { name in
            ["-", "_"].flatMap { ["max\($0)\(name)", "\(name)\($0)max"] }
        })
    private static let userNames: Set = ["username", "user-name", "user_name"]
    /// Open MPI once counted slots by them; 4.1 refuses them.
    private static let shapeNames: Set = [
        "boards", "sockets", "sockets_per_board", "sockets-per-board", "cores", "cores_per_socket",
        "cores-per-socket",
    ]
    /// No host runs more ranks; a number above is a slip.
    private static let mostOfAHost = 65_536

    init(
        _ words: ArraySlice<String>, of host: String, at place: String
    ) throws(SupervisionError) {
        var words = words
        while let key = words.popFirst() {
            guard words.popFirst() == "=", let value = words.popFirst(), value != "=" else {
                throw SupervisionError(
                    place, "'\(key)' is not understood", hint: "As in: \(host) slots=8")
            }
            switch key {
            case _ where Self.slotsNames.contains(key) && slots == nil:
                slots = try Self.number(value, of: key, at: place)
            case _ where Self.mostNames.contains(key) && mostSlots == nil:
                mostSlots = try Self.number(value, of: key, at: place)
            default: throw Self.refusal(of: key, value, host: host, at: place)
            }
        }
    }

    private static func number(
        _ text: String, of key: String, at place: String
    ) throws(SupervisionError) -> Int {
        guard text.allSatisfy({ ("0"..."9").contains($0) }), let number = Int(text),
            (1...mostOfAHost).contains(number)
        else {
            throw SupervisionError(
                place, "\(key)=\(text) is no number of ranks from 1 to \(mostOfAHost)",
                hint: "A host that is to take none has no line")
        }
        return number
    }

    private static func refusal(
        of key: String, _ value: String, host: String, at place: String
    ) -> SupervisionError {
        let word = "\(key)=\(value)"
        switch key {
        case _ where slotsNames.contains(key) || mostNames.contains(key):
            return SupervisionError(
                place, "'\(word)' is the second number for \(host)", hint: "Give one")
        case _ where userNames.contains(key):
            return SupervisionError(
                place, "'\(word)' names a user, which mpirun takes no host with",
                hint: HostName.userAdvice(user: value, host: host))
        case "port":
            return SupervisionError(
                place, "'\(word)' names a port of ssh, which is not passed on",
                hint: "Put 'Port \(value)' below 'Host \(host)' into ~/.ssh/config")
        case _ where shapeNames.contains(key):
            return SupervisionError(
                place, "'\(word)' is not read by Open MPI 4.1",
                hint: "Say how many ranks \(host) takes: slots=N")
        default:
            return SupervisionError(
                place, "'\(word)' is not understood", hint: "As in: \(host) slots=8")
        }
    }
}

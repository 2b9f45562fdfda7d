/// What Open MPI 4.1 takes as the name of a host.
enum HostName {
    /// Open MPI keeps what stands before a name's first digit in a buffer of this size, unchecked.
    private static let mostBeforeDigit = 50

    /// - Throws: ``SupervisionError`` saying what the name would need, where mpirun would refuse it, take
    ///   it for something else or crash.
    /// - Source: `orte/mca/regx/fwd` and `orte/util/dash_host` of Open MPI 4.1.4.
    static func check(_ name: String, at place: String) throws(SupervisionError) {
        if let (problem, hint) = complaint(about: name) {
            throw SupervisionError(place, problem, hint: hint)
        }
    }

    /// Where ssh looks up a host's user.
    static func userAdvice(user: some StringProtocol, host: some StringProtocol) -> String {
        "Leave it out, and put 'User \(user)' below 'Host \(host)' into ~/.ssh/config"
    }

    /// Whether mpirun would cut it at its first point.
    static func isCut(_ name: String) -> Bool { name.contains(".") && !isIPv4(name) }

    private static func isIPv4(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }

    private static func complaint(about name: String) -> (problem: String, hint: String)? {
        if name.hasPrefix("^") {
            return ("'\(name)' excludes a host", "Leave its line out")
        }
        if name.hasPrefix("+") {
            return ("'\(name)' names a host by its place in another list", "Give its name")
        }
        if name.contains(",") {
            return ("'\(name)' names several hosts", "One host a line")
        }
        if let at = name.firstIndex(of: "@") {
            return (
                "'\(name)' names a user, which mpirun takes no host with",
                userAdvice(user: name[..<at], host: name[name.index(after: at)...])
            )
        }
        if name.contains(":") { return complaint(aboutColons: name) }
        if name.contains("[") {
            return (
                "'\(name)' names several hosts in Slurm's form",
                "One host a line: scontrol show hostnames '\(name)'"
            )
        }
        return complaint(aboutCharacters: name)
    }

    private static func complaint(aboutColons name: String) -> (problem: String, hint: String) {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, !parts[0].isEmpty, !name.contains("[") {
            return (
                "'\(name)' is the form of another MPI's hostfiles",
                "As in: \(parts[0]) slots=\(Int(parts[1]).map(String.init) ?? "8")"
            )
        }
        return (
            "'\(name)' is an IPv6 address, which mpirun 4.1 does not take as a host",
            "Give the host a name in /etc/hosts or DNS and write that, or its IPv4 address"
        )
    }

    private static func complaint(
        aboutCharacters name: String
    ) -> (problem: String, hint: String)? {
        let isPlain = name.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0))
                || $0 == "-" || $0 == "."
        }
        let shown = String(
            String.UnicodeScalarView(name.unicodeScalars.map { $0.value < 32 ? "?" : $0 }))
        guard isPlain, let first = name.first, first != "-", first != ".", !name.contains("..")
        else {
            return (
                "'\(shown)' is no name of a host: mpirun takes letters, digits, '-' and '.'",
                "Give the host such a name in /etc/hosts or DNS and write that"
            )
        }
        let start = name.prefix { !("0"..."9").contains($0) }
        guard start.count <= mostBeforeDigit else {
            return (
                "'\(name)' has \(start.count) characters before its first digit; mpirun 4.1 crashes "
                    + "above \(mostBeforeDigit)", "Write a shorter name, or the host's address"
            )
        }
        return nil
    }
}

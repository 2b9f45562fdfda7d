/// Which hosts a job is started on.
///
/// A value: it is told what happened and when, and answers; it asks no host.
struct HostHealth {
    private struct Record {
        var failures = 0
        var answers = true
        var lastFailureSeconds = 0.0
    }

    private let hosts: [Hostfile.Host]
    private var records: [String: Record]
    /// A host that failed twice is tried again after it has answered for so long.
    private let restSeconds: Double

    private static let mostFailures = 2

    init(_ hosts: [Hostfile.Host], restSeconds: Double) {
        self.hosts = hosts
        self.restSeconds = restSeconds
        records = Dictionary(uniqueKeysWithValues: hosts.map { ($0.name, Record()) })
    }

    /// A job ended because of this host.
    mutating func failed(_ name: String, atSeconds now: Double) {
        records[name]?.failures += 1
        records[name]?.lastFailureSeconds = now
    }

    /// What asking all of them gave.
    mutating func answered(_ names: Set<String>, atSeconds now: Double) {
        for (name, var record) in records {
            record.answers = names.contains(name)
            if record.answers, record.failures >= Self.mostFailures,
                now - record.lastFailureSeconds >= restSeconds
            {
                record.failures = Self.mostFailures - 1
            }
            records[name] = record
        }
    }

    /// In the hostfile's order.
    var usable: [Hostfile.Host] {
        hosts.filter { host in
            records[host.name].map { $0.answers && $0.failures < Self.mostFailures } ?? false
        }
    }

    var leftOut: [String] {
        let usable = Set(usable.map(\.name))
        return hosts.map(\.name).filter { !usable.contains($0) }
    }

    /// The hosts that a line of mpirun's blames.
    ///
    /// Names there may be cut at the first point; addresses stand in full.
    func blamed(by line: String) -> [String] {
        let words = Set(line.split { !($0.isLetter || $0.isNumber || ".-_:".contains($0)) })
        return hosts.map(\.name).filter { name in
            let isAddress = name.allSatisfy { $0.isNumber || ".:".contains($0) }
            let short = isAddress ? Substring(name) : name.prefix { $0 != "." }
            return words.contains(Substring(name)) || words.contains(short)
        }
    }
}

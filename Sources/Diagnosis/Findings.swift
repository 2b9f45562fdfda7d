import Foundation
import Kernels
import Supervision

/// Something that stands in the way of a run, or will.
public struct Finding: Sendable, Equatable {
    /// `nil`: of all hosts, or of none in particular.
    public let host: String?
    public let what: String
    /// The flag or command that mends it.
    public let mend: String
    /// Whether the run cannot start, or not end well, because of it.
    public let isTrouble: Bool

    public init(_ host: String?, _ what: String, mend: String, isTrouble: Bool) {
        self.host = host
        self.what = what
        self.mend = mend
        self.isTrouble = isTrouble
    }
}

/// What a run asks of its hosts.
public struct HostNeeds: Sendable, Equatable {
    /// Of a host with most ranks, by `lora plan`; `nil` if that is not known.
    public var memoryBytes: Int?
    /// Checkpoints that are kept, and one that is being written.
    public var diskBytes: Int?
    /// What the hostfile is called, for advice.
    public var hostfile: String
    /// `--kernels`, if it was given.
    public var kernelLevel: String?

    public init(
        memoryBytes: Int?, diskBytes: Int?, hostfile: String, kernelLevel: String?
    ) {
        self.memoryBytes = memoryBytes
        self.diskBytes = diskBytes
        self.hostfile = hostfile
        self.kernelLevel = kernelLevel
    }
}

/// What the answers of hosts mean for a run.
public struct Findings {
    private let needs: HostNeeds
    private let own: HostReport
    public private(set) var all: [Finding] = []

    /// A clock that is so far off makes times of different hosts useless.
    private static let mostClockSeconds = 1.0
    /// A checkpoint that takes longer than this to force to the disk is worth a word.
    private static let slowFsyncSeconds = 0.2
    /// A link so much slower than the usual one is worth a word.
    private static let slowLinkFactor = 4.0

    /// - Parameter own: This machine's own report: what the others must be equal to.
    public init(_ answers: [HostSurvey.Answer], own: HostReport, needs: HostNeeds) {
        self.needs = needs
        self.own = own
        var reports: [HostReport] = []
        for answer in answers {
            switch answer.report {
            case .failure(let failure): look(answer.host, at: failure)
            case .success(let report):
                look(answer, at: report)
                reports.append(report)
            }
        }
        lookAtKernels(reports, answers)
    }

    /// Adds what the network's pairs mean.
    public mutating func include(_ pairs: [NetworkProbe.Pair], names: [String]) {
        let usual = pairs.map(\.bytesPerSecond).sorted()[safe: pairs.count / 2] ?? 0
        for pair in pairs where pair.bytesPerSecond * Self.slowLinkFactor < usual {
            add(
                nil,
                "between \(names[pair.first]) and \(names[pair.second]) go only "
                    + "\(Int(pair.bytesPerSecond / 1e6)) MB/s; usual here are \(Int(usual / 1e6))",
                mend: "look at that link, or pick another network with --interface",
                isTrouble: false)
        }
    }

    /// Adds that MPI could not connect the hosts.
    public mutating func include(networkFailure text: String) {
        add(
            nil, "mpirun does not get the hosts together: \(text)",
            mend:
                "pick the network that all share with --interface, open its ports between the hosts, "
                + "and install the same openmpi-bin everywhere", isTrouble: true)
    }

    private mutating func add(_ host: String?, _ what: String, mend: String, isTrouble: Bool) {
        all.append(Finding(host, what, mend: mend, isTrouble: isTrouble))
    }

    private mutating func look(_ host: Hostfile.Host, at failure: HostSurvey.HostFailure) {
        if failure.isReached {
            add(
                host.name, "does not run this program: \(failure.text)",
                mend: "deploy/hosts/distribute \(needs.hostfile) <the folder with bin/>, and "
                    + "apt-get install openmpi-bin libopenblas0-pthread there", isTrouble: true)
        } else {
            add(
                host.name, "does not answer: \(failure.text)",
                mend: "ssh -o BatchMode=yes \(host.name) true must work: ssh-copy-id \(host.name)",
                isTrouble: true)
        }
    }

    private mutating func look(_ answer: HostSurvey.Answer, at report: HostReport) {
        let host = answer.host.name
        if report.program != own.program {
            add(
                host, "has another build of this program",
                mend: "deploy/hosts/distribute \(needs.hostfile) <the folder with bin/>",
                isTrouble: true)
        }
        if !report.hasOpenBLAS {
            add(
                host, report.openBLAS, mend: "apt-get install libopenblas0-pthread there",
                isTrouble: true)
        }
        lookAtFiles(host, report)
        if let needed = needs.memoryBytes, report.availableMemoryBytes < needed {
            add(
                host,
                "has \(report.availableMemoryBytes >> 20) MiB of memory free; the run needs "
                    + "\(needed >> 20) MiB there",
                mend: "--recompute on, a smaller --slice-size, --max-length or --threads, or fewer "
                    + "slots", isTrouble: true)
        }
        if let needed = needs.diskBytes, report.freeDiskBytes < needed {
            add(
                host,
                "has \(report.freeDiskBytes >> 20) MiB of disk free where --out is; checkpoints take "
                    + "\(needed >> 20) MiB", mend: "another --out, or a smaller --keep",
                isTrouble: true)
        }
        if let seconds = report.fsyncSeconds {
            if seconds > Self.slowFsyncSeconds {
                add(
                    host, "takes \(Int(seconds * 1000)) ms to force 1 MiB to the disk of --out",
                    mend: "an --out on a local disk, or a larger --checkpoint-every",
                    isTrouble: false)
            }
        } else {
            add(
                host, "cannot write where --out is to be",
                mend: "make the folder there, writable for this user, or give another --out",
                isTrouble: true)
        }
        let offset = report.clockOffset(
            asked: answer.askedUnixSeconds, answered: answer.answeredUnixSeconds)
        if offset.least > Self.mostClockSeconds || offset.most < -Self.mostClockSeconds {
            let seconds = offset.least > 0 ? offset.least : -offset.most
            add(
                host, "has a clock that is off by \(Int(seconds)) s or more",
                mend: "timedatectl set-ntp true there; only times in reports suffer",
                isTrouble: false)
        }
        if let trouble = report.collectorTrouble {
            add(
                host, "does not reach the collector: \(trouble)",
                mend:
                    "start lora-collector --listen with an address that the hosts reach; training "
                    + "goes on without it", isTrouble: false)
        }
    }

    private mutating func lookAtFiles(_ host: String, _ report: HostReport) {
        for (path, reason) in report.unreadable.sorted(by: { $0.key < $1.key }) {
            add(
                host, "cannot read \(path): \(reason)",
                mend: "deploy/hosts/distribute \(needs.hostfile) \(path)", isTrouble: true)
        }
        for (path, digest) in report.fingerprints.sorted(by: { $0.key < $1.key }) {
            guard let mine = own.fingerprints[path], mine != digest else { continue }
            add(
                host, "has another \(path) than this machine",
                mend: "deploy/hosts/distribute \(needs.hostfile) \(path)", isTrouble: true)
        }
    }

    private mutating func lookAtKernels(
        _ reports: [HostReport], _ answers: [HostSurvey.Answer]
    ) {
        let levels = reports.compactMap { KernelLevel(name: $0.kernelLevel) }
        guard let least = levels.min(), let most = levels.max() else { return }
        if let wanted = needs.kernelLevel.flatMap(KernelLevel.init(name:)), wanted > least {
            let below = reports.filter {
                KernelLevel(name: $0.kernelLevel).map { $0 < wanted } ?? true
            }
            add(
                nil,
                "--kernels \(wanted.name) does not run on \(below.map(\.name).joined(separator: ", "))",
                mend: "--kernels \(least.name), or leave these hosts out", isTrouble: true)
        } else if least < most, needs.kernelLevel == nil {
            add(
                nil, "the hosts have different processors; all will use \(least.name) kernels",
                mend: "leave the slower hosts out if that costs more than they bring",
                isTrouble: false)
        }
        let versions = Set(
            reports.filter(\.hasOpenBLAS).map {
                $0.openBLAS.split(separator: " ").prefix(2).joined(separator: " ")
            })
        if versions.count > 1 {
            add(
                nil,
                "the hosts have different versions: \(versions.sorted().joined(separator: ", "))",
                mend: "apt-get install the same libopenblas0-pthread everywhere", isTrouble: true)
        }
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? {
        indices.contains(index) ? self[index] : nil
    }
}

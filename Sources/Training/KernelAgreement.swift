import Collectives
import Faults
import Kernels
import RunSettings

/// Opens the same kernels on every rank.
struct KernelAgreement {
    let communicator: any Communicator
    let agreement: Agreement

    /// - Parameters:
    ///   - flag: `--kernels`; `auto` for the best level that all ranks have.
    ///   - compute: The type in which frozen weights are multiplied.
    ///   - recorded: The kernels of the checkpoint that the run continues from.
    ///   - mayChange: Whether a level below the recorded one will do.
    /// - Returns: The kernels, the same on all ranks.
    /// - Throws: On every rank the same fault, naming the hosts that cannot.
    func open(
        flag: String, compute: ComputeType, recorded: KernelIdentity?, mayChange: Bool
    ) throws -> Backend {
        let hosts = try communicator.allGather(padding: [UInt8](hostName.utf8))
            .map { String(decoding: $0, as: UTF8.self) }
        let levels = try communicator.allGather([UInt8(KernelLevel.best.rawValue)])
            .map { KernelLevel(rawValue: Int32($0[0])) ?? .baseline }
        let common = levels.min() ?? .baseline
        let level = try agreement.phase {
            try choose(flag, recorded, mayChange: mayChange, common: common) { wanted in
                Set(levels.indices.filter { levels[$0] < wanted }.map { hosts[$0] }).sorted()
            }
        }
        let lacking = try communicator.allGather([compute.isNative ? 1 : 0])
            .enumerated().filter { $1[0] == 0 }.map { hosts[$0.offset] }
        let backend = try agreement.phase {
            guard lacking.isEmpty else {
                throw ConfigurationError(
                    "--compute",
                    "is \(compute.rawValue), which needs \(compute.requirement); "
                        + "\(Set(lacking).sorted().joined(separator: ", ")) lacks it",
                    hint: "Use --compute float32, or leave these hosts out")
            }
            return try Backend(level: level, compute: compute)
        }
        try agreement.require(
            same: [("the kernel identity", backend.identity.description)],
            advice: "Install the same OpenBLAS on every host")
        return backend
    }

    private func choose(
        _ flag: String, _ recorded: KernelIdentity?, mayChange: Bool, common: KernelLevel,
        hostsBelow: (KernelLevel) -> [String]
    ) throws -> KernelLevel {
        var wanted = common
        var origin = "--kernels"
        if flag != "auto" {
            wanted = try KernelLevel(flag: flag)
        } else if let recorded, let level = KernelLevel(name: recorded.level) {
            // A host without them changes the bits, which has to be allowed by name.
            wanted = mayChange && level > common ? common : level
            origin = "the run's kernels (\(recorded))"
        }
        guard wanted <= common else {
            throw ConfigurationError(
                origin,
                "\(wanted.name) does not run on \(hostsBelow(wanted).joined(separator: ", "))",
                hint: "Leave these hosts out, or give --kernels \(common.name) "
                    + "(a resumed run also needs --allow-change kernels: its bits will differ)")
        }
        return wanted
    }
}

import Collectives
import Faults
import Foundation

/// The one door through which all ranks leave: a fault of any rank becomes the same fault of all.
struct Agreement {
    let communicator: any Communicator

    /// Does `work` on every rank; if it fails on any, all throw the same ``JobFault``.
    ///
    /// - Note: A collective: every rank must come here.
    func phase<Value>(_ work: () throws -> Value) throws -> Value {
        let result = Result(catching: work)
        let own = Self.fault(of: result)
        let highestRank: Int64 = 1 << 32
        var verdict = [
            own.map {
                Int64($0.exitCode.rawValue) * highestRank + highestRank - 1
                    - Int64(communicator.rank)
            } ?? 0
        ]
        try communicator.allReduceMax(&verdict)
        guard verdict[0] != 0 else { return try result.get() }
        let code = ExitCode(rawValue: Int32(verdict[0] / highestRank)) ?? .internalError
        let culprit = Int(highestRank - 1 - verdict[0] % highestRank)
        let messages = try communicator.allGather(padding: [UInt8]((own?.text ?? "").utf8))
            .map { String(decoding: $0, as: UTF8.self) }
        let alone = Set(messages).count > 1
        throw JobFault(
            problem: messages[culprit], location: alone ? "rank \(culprit)" : nil, hint: nil,
            exitCode: code)
    }

    /// Checks that a fact is the same on all ranks as on rank 0.
    ///
    /// - Throws: On every rank the same ``JobFault``, naming the fact and the ranks that differ.
    func require(same facts: [(name: String, value: String)], advice: String) throws {
        for (name, value) in facts {
            let values = try communicator.allGather(padding: [UInt8](value.utf8))
            let others = values.indices.filter { values[$0] != values[0] }
            guard !others.isEmpty else { continue }
            let list = others.map(String.init).joined(separator: ", ")
            throw JobFault(
                problem: "\(name) on rank \(list) differs from rank 0's", location: nil,
                hint: advice, exitCode: .badInput)
        }
    }

    private static func fault<Value>(
        of result: Result<Value, any Error>
    ) -> (exitCode: ExitCode, text: String)? {
        switch result {
        case .success: nil
        case .failure(let fault as any Fault): (fault.exitCode, fault.description)
        case .failure(let error): (.internalError, "\(error)")
        }
    }
}

/// A fault that all ranks agreed on.
struct JobFault: Fault {
    let problem: String
    let location: String?
    let hint: String?
    let exitCode: ExitCode
}

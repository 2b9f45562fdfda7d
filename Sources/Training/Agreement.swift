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

    /// Checks that facts are the same on all ranks as on rank 0.
    ///
    /// - Throws: On every rank the same ``JobFault``, naming the fact and the ranks that differ.
    func require(same facts: [(name: String, value: String)], advice: String) throws {
        // One message for all facts; a record separator stands in no value.
        let text = facts.map { "\($0.name)\u{1F}\($0.value)" }.joined(separator: "\u{1E}")
        let ranks = try communicator.allGather(padding: [UInt8](text.utf8)).map { bytes in
            String(decoding: bytes, as: UTF8.self)
                .split(separator: "\u{1E}", omittingEmptySubsequences: false)
        }
        for fact in ranks[0] {
            let others = ranks.indices.filter { !ranks[$0].contains(fact) }
            guard !others.isEmpty else { continue }
            try refuse(fact, others, advice)
        }
        let surplus = ranks.indices.filter { ranks[$0].count != ranks[0].count }
        guard let first = surplus.first else { return }
        let extra = ranks[first].first { !ranks[0].contains($0) } ?? "a setting"
        try refuse(extra, surplus, advice)
    }

    private func refuse(
        _ fact: Substring, _ ranks: [Int], _ advice: String
    ) throws(JobFault) {
        let name = fact.prefix { $0 != "\u{1F}" }
        let list = ranks.map(String.init).joined(separator: ", ")
        throw JobFault(
            problem: "\(name) on rank \(list) differs from rank 0's", location: nil, hint: advice,
            exitCode: .badInput)
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

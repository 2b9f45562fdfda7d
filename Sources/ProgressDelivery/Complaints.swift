import NIOCore
import NIOPosix
import ProgressReports
import Words

/// Tells a person of trouble that may come back at every attempt: each cause once, and not more than a line
/// a minute, whatever the other side invents.
struct Complaints {
    private var last = ""
    private var silentUntil = NIODeadline.uptimeNanoseconds(0)
    private let tell: @Sendable (String) -> Void

    private static let pause = TimeAmount.seconds(60)
    private static let longestText = 500

    init(tell: @escaping @Sendable (String) -> Void) {
        self.tell = tell
    }

    /// Tells that the trouble is over, if somebody was told of it; the same may be told again later.
    mutating func retract(_ text: String) {
        guard !last.isEmpty else { return }
        last = ""
        tell(text)
    }

    mutating func complain(_ text: String) {
        guard text != last, .now() >= silentUntil else { return }
        last = text
        silentUntil = .now() + Self.pause
        tell(String(text.printable.prefix(Self.longestText)))
    }
}

/// Why a connection does not come about or broke, for people.
///
/// - Parameter reader: Who is told, also of the flag that helps.
package func plainReason(_ error: any Error, for reader: TLSReason.Reader) -> String {
    switch error {
    case let error as NIOConnectionError:
        if let first = error.connectionErrors.first { return plainReason(first.error, for: reader) }
        return "the name '\(error.host)' is not known"
    case let error as IOError:
        return String(cString: strerror(error.errnoCode))
    case ChannelError.connectTimeout: return "no answer"
    default:
        let text = "\(error)"
        return TLSReason.words(for: text, to: reader) ?? text
    }
}

/// What a library's words about TLS mean, and which flag helps at which end.
package struct TLSReason: Sendable {
    package enum Reader: Sendable { case run, collector }

    private let sign: String
    private let meaning: String
    private var adviceToRun: String?
    private var adviceToCollector: String?

    /// - Parameters:
    ///   - text: Holds the sign of a failure as BoringSSL writes it: `WRONG_VERSION_NUMBER`.
    ///   - reader: `nil` for whoever has no flags for TLS.
    /// - Returns: `nil` where it holds none that is known.
    package static func words(for text: String, to reader: Reader?) -> String? {
        guard let found = all.first(where: { text.contains($0.sign) }) else { return nil }
        let advice: String? =
            switch reader {
            case .run?: found.adviceToRun
            case .collector?: found.adviceToCollector
            case nil: nil
            }
        return "TLS: \(found.meaning)" + (advice.map { "; \($0)" } ?? "")
    }

    private static let plain = "it does not speak TLS"

    private static let all = [
        TLSReason(
            sign: "CERTIFICATE_VERIFY_FAILED",
            meaning: "its certificate is not signed by an authority that is trusted here",
            adviceToRun: "--collector-authority names one",
            adviceToCollector: "--tls-authority names one"),
        TLSReason(
            sign: "WRONG_VERSION_NUMBER", meaning: plain,
            adviceToRun: "leave --collector-authority out, or give the collector --tls-certificate",
            adviceToCollector: "a run does with --collector-authority"),
        TLSReason(
            sign: "HTTP_REQUEST", meaning: plain,
            adviceToCollector: "a run does with --collector-authority"),
        TLSReason(
            sign: "CERTIFICATE_REQUIRED", meaning: "it asks for a certificate",
            adviceToRun: "give --collector-certificate and --collector-key"),
        TLSReason(
            sign: "PEER_DID_NOT_RETURN_A_CERTIFICATE", meaning: "it shows no certificate",
            adviceToCollector: "a run does with --collector-certificate and --collector-key"),
        TLSReason(
            sign: "UNKNOWN_CA", meaning: "it does not trust the certificate that it is shown",
            adviceToRun: "--collector-certificate must be one that its --tls-authority signed",
            adviceToCollector: "the run's --collector-authority must have signed --tls-certificate"),
        TLSReason(
            sign: "failedToValidateHostname",
            meaning: "its certificate does not name the address (subjectAltName)"),
    ]
}

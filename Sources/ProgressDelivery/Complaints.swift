import NIOCore
import NIOPosix
import ProgressReports

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
package func plainReason(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
        if let first = error.connectionErrors.first { return plainReason(first.error) }
        return "the name '\(error.host)' is not known"
    case let error as IOError:
        return String(cString: strerror(error.errnoCode))
    case ChannelError.connectTimeout: return "no answer"
    default: return plainTLSReason("\(error)") ?? "\(error)"
    }
}

/// What the library's words about TLS mean, for both sides; `nil` for others.
private func plainTLSReason(_ text: String) -> String? {
    let meanings = [
        (
            "CERTIFICATE_VERIFY_FAILED",
            "its certificate is not signed by an authority that is trusted here"
        ),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
        ("HTTP_REQUEST", "it does not speak TLS"),
        ("CERTIFICATE_REQUIRED", "it asks for a certificate of this side"),
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "it shows no certificate"),
        ("UNKNOWN_CA", "it does not trust the certificate of this side"),
        ("failedToValidateHostname", "its certificate does not name the address (subjectAltName)"),
    ]
    return meanings.first { text.contains($0.0) }.map { "TLS: \($0.1)" }
}

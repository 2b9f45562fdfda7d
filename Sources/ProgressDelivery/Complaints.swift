import NIOCore
import NIOPosix
import NIOSSL
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

    mutating func complain(_ text: String) {
        guard text != last, .now() >= silentUntil else { return }
        last = text
        silentUntil = .now() + Self.pause
        tell(String(text.printable.prefix(Self.longestText)))
    }
}

/// Why a connection does not come about or broke, for people.
func plainReason(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
        if let first = error.connectionErrors.first { return plainReason(first.error) }
        return "the name '\(error.host)' is not known"
    case let error as IOError:
        return String(cString: strerror(error.errnoCode))
    case ChannelError.connectTimeout: return "no answer"
    case let error as NIOSSLError:
        if case .handshakeFailed(let inner) = error {
            return "TLS cannot be agreed upon: \(inner)"
        }
        return "TLS: \(error)"
    default: return "\(error)"
    }
}

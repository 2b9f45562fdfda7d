import CCurl
import Glibc
import ProgressDelivery

/// Why nothing could be sent, for people.
struct HTTPFailure: Error {
    let reason: String
    /// Trying again is of no use.
    var isLasting = false
}

/// Posts bodies to one address over HTTP or HTTPS, one after the other, on one connection as long as it
/// lasts.
///
/// Follows no redirections and uses no proxy: headers with keys are for the receiver that was named, and
/// for no other. TLS 1.2 or newer; the certificate must be valid and name the host.
struct HTTPSender: ~Copyable {
    private let curl: Curl
    private let transfer: UnsafeMutableRawPointer
    private let headers: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>

    /// What came back.
    struct Answer {
        let status: Int
        /// Of the header `Retry-After`, if it is a number that can be waited for.
        let retryAfterSeconds: Double?
    }

    private let isTLS: Bool
    private static let connectMilliseconds = 5000
    private static let mostAnswerBytes = 64 << 10

    /// - Throws: ``HTTPFailure`` if there is no memory.
    init(
        _ curl: Curl, url: String, headers: [(name: String, value: String)], timeoutSeconds: Double,
        security: CollectorSecurity
    ) throws(HTTPFailure) {
        guard let transfer = curl.makeTransfer() else {
            throw HTTPFailure(reason: "no memory", isLasting: true)
        }
        self.curl = curl
        isTLS = url.hasPrefix("https:")
        self.transfer = transfer
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        // Large bodies are not to wait for leave, which some receivers never give.
        let lines = headers.map { name, value in value.isEmpty ? "\(name);" : "\(name): \(value)" }
        self.headers = (lines + ["Expect:"]).reduce(nil) { curl.append($0, $1) }

        // Signals belong to the program: no alarm for time limits.
        curl.set(CURLOPT_NOSIGNAL, 1, of: transfer)
        // A name server that hangs holds up nobody for longer than the time limit.
        curl.set(CURLOPT_QUICK_EXIT, 1, of: transfer)
        curl.set(CURLOPT_CONNECTTIMEOUT_MS, Self.connectMilliseconds, of: transfer)
        // 0 would be for ever.
        curl.set(CURLOPT_TIMEOUT_MS, max(1, Int(timeoutSeconds * 1000)), of: transfer)
        curl.set(CURLOPT_URL, url, of: transfer)
        curl.set(CURLOPT_PROXY, "", of: transfer)
        curl.set(CURLOPT_POST, 1, of: transfer)
        curl.set(CURLOPT_HTTPHEADER, self.headers, of: transfer)
        curl.set(CURLOPT_ERRORBUFFER, errorText, of: transfer)
        curl.set(CURLOPT_WRITEFUNCTION, countAnswer, of: transfer)
        curl.set(CURLOPT_HEADERFUNCTION, readHeader, of: transfer)
        setSecurity(security)
    }

    deinit {
        curl.freeTransfer(transfer)
        curl.freeList(headers)
        errorText.deallocate()
    }

    private func setSecurity(_ security: CollectorSecurity) {
        curl.set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2), of: transfer)
        if let file = security.authorityFile, !security.trustsSystem {
            curl.set(CURLOPT_CAINFO, file, of: transfer)
            // In place of the system's, not beside them.
            curl.set(CURLOPT_CAPATH, nil as UnsafeRawPointer?, of: transfer)
        }
        if let file = security.certificateFile { curl.set(CURLOPT_SSLCERT, file, of: transfer) }
        if let file = security.keyFile { curl.set(CURLOPT_SSLKEY, file, of: transfer) }
    }

    /// - Throws: ``HTTPFailure`` if no whole answer came in time.
    func post(_ body: [UInt8]) throws(HTTPFailure) -> Answer {
        let received = Received(mostBytes: Self.mostAnswerBytes)
        let result = body.withUnsafeBytes { bytes in
            withExtendedLifetime(received) {
                let place = Unmanaged.passUnretained(received).toOpaque()
                curl.set(CURLOPT_WRITEDATA, place, of: transfer)
                curl.set(CURLOPT_HEADERDATA, place, of: transfer)
                curl.set(CURLOPT_POSTFIELDS, bytes.baseAddress, of: transfer)
                curl.set(CURLOPT_POSTFIELDSIZE, bytes.count, of: transfer)
                errorText[0] = 0
                return curl.perform(transfer)
            }
        }
        guard result == CURLE_OK else { throw HTTPFailure(reason: reason(of: result)) }
        return Answer(
            status: curl.number(CURLINFO_RESPONSE_CODE, of: transfer),
            retryAfterSeconds: received.retryAfter.flatMap { Double($0) }
                .flatMap { $0 >= 0 ? $0 : nil })
    }

    private func reason(of result: CURLcode) -> String {
        switch result {
        case CURLE_COULDNT_RESOLVE_HOST: return "the name of the host is not known"
        case CURLE_OPERATION_TIMEDOUT: return "no answer"
        case CURLE_WRITE_ERROR: return "its answer is longer than \(Self.mostAnswerBytes) bytes"
        case CURLE_COULDNT_CONNECT:
            let code = curl.number(CURLINFO_OS_ERRNO, of: transfer)
            if code != 0 { return String(cString: strerror(Int32(code))) }
        case CURLE_PEER_FAILED_VERIFICATION:
            // 1 stands there before anything is found out, and stays where only the name is wrong.
            let isTrusted = curl.number(CURLINFO_SSL_VERIFYRESULT, of: transfer) <= 1
            let sign = isTrusted ? "failedToValidateHostname" : "CERTIFICATE_VERIFY_FAILED"
            if let words = TLSReason.words(for: sign, to: nil) { return words }
        default: break
        }
        let text = String(cString: errorText)
        guard isTLS else { return words(text, result) }
        // "…:SSL routines::wrong version number"
        let sign = text.uppercased().replacing(" ", with: "_")
        return TLSReason.words(for: sign, to: nil) ?? words(text, result)
    }

    /// curl's own, of this transfer or of the kind of its failure.
    private func words(_ text: String, _ result: CURLcode) -> String {
        text.isEmpty ? curl.errorText(result).map { String(cString: $0) } ?? "" : text
    }
}

/// What is kept of an answer while it arrives.
private final class Received {
    let mostBytes: Int
    var byteCount = 0
    var retryAfter: String?

    init(mostBytes: Int) {
        self.mostBytes = mostBytes
    }

    static func at(_ place: UnsafeMutableRawPointer?) -> Received? {
        place.map { Unmanaged<Received>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// Another number than that of the bytes ends the transfer.
private let countAnswer: curl_write_callback = { _, size, count, place in
    guard let received = Received.at(place) else { return 0 }
    received.byteCount += size * count
    return received.byteCount <= received.mostBytes ? size * count : 0
}

private let readHeader: curl_write_callback = { bytes, size, count, place in
    guard let received = Received.at(place) else { return 0 }
    let line = String(
        decoding: UnsafeRawBufferPointer(start: bytes, count: size * count), as: UTF8.self)
    let parts = line.split(separator: ":", maxSplits: 1)
    if parts.count == 2, parts[0].lowercased() == "retry-after", received.retryAfter == nil {
        let spaces: Set<Character> = [" ", "\t", "\r", "\n", "\r\n"]
        received.retryAfter = String(
            parts[1].drop { spaces.contains($0) }.prefix { !spaces.contains($0) })
    }
    return size * count
}

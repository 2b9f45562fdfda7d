import Foundation
public import NIOSSL
public import ProgressReports

/// How a sender and a collector trust each other: files that a person names.
public struct CollectorSecurity: Sendable, Equatable {
    /// Holds the shared secret, one line.
    public var tokenFile: String?
    /// PEM certificates that sign the other side; "system" for those of the machine.
    public var authorityFile: String?
    /// PEM chain and key of this side.
    public var certificateFile: String?
    public var keyFile: String?

    public init(
        tokenFile: String? = nil, authorityFile: String? = nil, certificateFile: String? = nil,
        keyFile: String? = nil
    ) {
        self.tokenFile = tokenFile
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    /// The secret; empty without a file.
    ///
    /// - Throws: ``ProgressError`` naming the file if it cannot be read or is empty.
    public func token() throws(ProgressError) -> String {
        guard let tokenFile else { return "" }
        guard let data = FileManager.default.contents(atPath: tokenFile) else {
            throw ProgressError(
                "cannot be read (\(String(cString: strerror(errno))))", at: tokenFile,
                hint: "It is to hold the shared token, as from: openssl rand -hex 24")
        }
        let token = String(decoding: data, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        guard (16...1024).contains(token.utf8.count),
            token.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw ProgressError(
                "holds no token", at: tokenFile,
                hint: "A token is 16 to 1024 letters, digits and signs on one line, as from: "
                    + "openssl rand -hex 24")
        }
        return token
    }

    /// - Returns: `nil` where TLS was not asked for.
    /// - Throws: ``ProgressError`` naming the file that cannot be used.
    public func clientContext() throws(ProgressError) -> TLSContext? {
        guard authorityFile != nil else {
            guard let own = certificateFile ?? keyFile else { return nil }
            throw ProgressError(
                "is of no use without --collector-authority, which turns TLS on", at: own,
                hint: "Name the file of who signed the collector's certificate; system for this "
                    + "machine's authorities")
        }
        return try TLSContext(clientConfiguration())
    }

    /// Whether the authorities are those of the machine.
    package var trustsSystem: Bool { authorityFile == "system" }

    /// Whether another library could use the files for the side that connects.
    ///
    /// - Throws: ``ProgressError`` naming the file that cannot be used.
    package func checkClientFiles() throws(ProgressError) { _ = try clientConfiguration() }

    /// TLS for the side that connects; without files the system's authorities are trusted.
    private func clientConfiguration() throws(ProgressError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let authorityFile, !trustsSystem {
            configuration.trustRoots = .certificates(try Self.certificates(authorityFile))
        }
        try addOwnCertificate(&configuration)
        return configuration
    }

    /// For the side that listens: asks for client certificates where an authority is named.
    public func serverContext() throws(ProgressError) -> TLSContext? {
        guard let certificateFile else {
            guard authorityFile == nil, keyFile == nil else {
                throw ProgressError(
                    "there is no certificate of the server to go with it",
                    at: authorityFile ?? keyFile, hint: "Give --tls-certificate and --tls-key")
            }
            return nil
        }
        var configuration = try TLSConfiguration.makeServerConfiguration(
            certificateChain: Self.certificates(certificateFile).map { .certificate($0) },
            privateKey: privateKey())
        configuration.minimumTLSVersion = .tlsv12
        if let authorityFile {
            configuration.trustRoots = .certificates(try Self.certificates(authorityFile))
            configuration.certificateVerification = .noHostnameVerification
        }
        return try TLSContext(configuration)
    }

    private func addOwnCertificate(
        _ configuration: inout TLSConfiguration
    ) throws(ProgressError) {
        guard let certificateFile else {
            guard keyFile == nil else {
                throw ProgressError(
                    "has no certificate", at: keyFile,
                    hint: "Name the file of its certificate too (--collector-certificate)")
            }
            return
        }
        configuration.certificateChain = try Self.certificates(certificateFile)
            .map { .certificate($0) }
        configuration.privateKey = try privateKey()
    }

    private func privateKey() throws(ProgressError) -> NIOSSLPrivateKeySource {
        guard let keyFile else {
            throw ProgressError(
                "has no key", at: certificateFile,
                hint: "Name the file of its private key too (--collector-key, --tls-key)")
        }
        try Self.checkReadable(keyFile)
        do {
            return .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
        } catch {
            throw ProgressError("cannot be used as a private key (PEM)", at: keyFile)
        }
    }

    /// The library does not tell a file that is missing from one with other bytes.
    private static func checkReadable(_ path: String) throws(ProgressError) {
        guard access(path, R_OK) == 0 else {
            throw ProgressError("cannot be read (\(String(cString: strerror(errno))))", at: path)
        }
    }

    private static func certificates(_ path: String) throws(ProgressError) -> [NIOSSLCertificate] {
        try checkReadable(path)
        guard let found = try? NIOSSLCertificate.fromPEMFile(path), !found.isEmpty else {
            throw ProgressError("holds no certificates (PEM) that can be read", at: path)
        }
        return found
    }
}

/// What a TLS connection is made with.
public struct TLSContext: Sendable {
    public let configuration: TLSConfiguration
    public let context: NIOSSLContext

    init(_ configuration: TLSConfiguration) throws(ProgressError) {
        self.configuration = configuration
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw ProgressError("certificates and key do not go together (\(error))")
        }
    }
}

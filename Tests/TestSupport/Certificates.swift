import Foundation

/// Two authorities (`ours`, `other`), and certificates that they signed, made by openssl: `server` for
/// 127.0.0.1 and localhost, `elsewhere` for another name, `client`; `stranger` by the other one.
public struct Certificates: Sendable {
    let folder: String

    public init() throws {
        folder = NSTemporaryDirectory() + "lora-certificates-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        for authority in ["ours", "other"] {
            try openssl(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-days", "2", "-subj", "/CN=\(authority)", "-keyout",
                key(authority), "-out", certificate(authority))
        }
        try sign("server", by: "ours", name: "IP:127.0.0.1,DNS:localhost")
        try sign("elsewhere", by: "ours", name: "DNS:another.example")
        try sign("client", by: "ours", name: "DNS:client")
        try sign("stranger", by: "other", name: "DNS:client")
    }

    public func certificate(_ name: String) -> String { "\(folder)/\(name).crt" }
    public func key(_ name: String) -> String { "\(folder)/\(name).key" }

    private func sign(_ name: String, by authority: String, name alternative: String) throws {
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
            "/CN=\(name)", "-keyout", key(name), "-out", "\(folder)/\(name).csr")
        try "subjectAltName=\(alternative)\n".write(
            toFile: "\(folder)/\(name).ext", atomically: true, encoding: .utf8)
        try openssl(
            "x509", "-req", "-in", "\(folder)/\(name).csr", "-CA", certificate(authority), "-CAkey",
            key(authority), "-CAcreateserial", "-days", "2", "-extfile", "\(folder)/\(name).ext",
            "-out", certificate(name))
    }

    private func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw POSIXError(.EINVAL) }
    }
}

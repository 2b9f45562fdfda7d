import CollectorService
import Foundation
import ProgressDelivery
import ProgressReports
import RunStore
import TestSupport
import Testing

/// Streams over TLS: who is let in, and who is believed.
@Suite(.timeLimit(.minutes(10))) struct TLSTests {
    private static let certificates = Result { try Certificates() }

    private func files() throws -> Certificates { try Self.certificates.get() }

    private func service(_ name: String = "server", clients: String? = nil) throws
        -> CollectorServerTests.Service
    {
        let files = try files()
        return try CollectorServerTests.Service(
            security: CollectorSecurity(
                authorityFile: clients.map(files.certificate),
                certificateFile: files.certificate(name), keyFile: files.key(name)))
    }

    /// Sends a record, and gives up after a while if `isExpected` is false.
    ///
    /// - Returns: How many arrived, and what the stream told.
    private func send(
        to address: CollectorAddress, authority: String?, client: String? = nil,
        isExpected: Bool = true
    ) throws -> (arrived: Int, told: [String]) {
        let files = try files()
        let told = Told()
        let stream = try CollectorStream(
            address: address, spoolFolder: nil,
            security: CollectorSecurity(
                authorityFile: authority.map(files.certificate),
                certificateFile: client.map(files.certificate), keyFile: client.map(files.key)),
            tell: told.add)
        stream.receive(warning(1))
        stream.finish(timeoutSeconds: isExpected ? 60 : 0.7)
        return (stream.counts.acknowledged, told.lines)
    }

    @Test func reportsTravelEncrypted() throws {
        let service = try service()
        let byAddress = try send(to: service.server.address, authority: "ours")
        #expect(byAddress.arrived == 1)
        #expect(byAddress.told == [])
        let named = CollectorAddress(host: "localhost", port: service.server.address.port)
        let byName = try send(to: named, authority: "ours")
        #expect(byName.arrived == 1)
        #expect(byName.told == [])
        #expect(try service.lines().count == 1)
        #expect(service.told.lines.allSatisfy { !$0.contains("closed") })
    }

    @Test func aStrangeCollectorGetsNothing() throws {
        let service = try service()
        let unknown = try send(
            to: service.server.address, authority: "other", isExpected: false)
        #expect(unknown.arrived == 0)
        #expect(
            unknown.told.first?.contains("does not take reports (TLS") == true, "\(unknown.told)")
        // Signed by whom we trust, for another name.
        let elsewhere = try self.service("elsewhere")
        let byName = CollectorAddress(host: "localhost", port: elsewhere.server.address.port)
        #expect(try send(to: byName, authority: "ours", isExpected: false).arrived == 0)
        #expect(
            try send(to: elsewhere.server.address, authority: "ours", isExpected: false).arrived
                == 0)
        #expect(try elsewhere.lines().isEmpty)
    }

    @Test func onlyCertifiedClientsReport() throws {
        let service = try service(clients: "ours")
        let address = service.server.address
        #expect(try send(to: address, authority: "ours", isExpected: false).arrived == 0)
        #expect(
            try send(to: address, authority: "ours", client: "stranger", isExpected: false).arrived
                == 0)
        #expect(try send(to: address, authority: nil, isExpected: false).arrived == 0)
        #expect(try service.lines().isEmpty)
        #expect(try send(to: address, authority: "ours", client: "client").arrived == 1)
        #expect(try service.lines().count == 1)
    }

    @Test func filesThatDoNotGoTogetherAreNamed() throws {
        let files = try files()
        func fault(_ security: CollectorSecurity) -> ProgressError? {
            #expect(throws: ProgressError.self) {
                try CollectorStream(
                    address: CollectorAddress(host: "127.0.0.1", port: 1), spoolFolder: nil,
                    security: security, tell: { _ in })
            }
        }
        let key = files.key("client")
        #expect(fault(CollectorSecurity(keyFile: key))?.location == key)
        let certificate = files.certificate("client")
        #expect(fault(CollectorSecurity(certificateFile: certificate))?.location == certificate)
        #expect(
            fault(CollectorSecurity(authorityFile: key))?.problem.contains("no certificates")
                == true)
        let wrong = CollectorSecurity(
            authorityFile: files.certificate("ours"), certificateFile: certificate,
            keyFile: files.key("server"))
        #expect(fault(wrong)?.problem.contains("do not go together") == true)
    }
}

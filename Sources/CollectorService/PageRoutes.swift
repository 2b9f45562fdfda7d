import Faults
import HTTPTypes
import Hummingbird
import MetricsOutlets
import NIOPosix
import ProgressReports
import RunPage
import RunStore
import Words

/// What each path answers.
struct PageRoutes {
    let store: RunStore
    let token: AccessToken
    /// Whether cookies may be kept off plain connections.
    let isEncrypted: Bool
    // Several pages and scrapers ask for the same.
    private let list = CachedAnswer(lifetime: .milliseconds(200))
    private let numbers = CachedAnswer(lifetime: .milliseconds(200))

    init(store: RunStore, token: AccessToken, isEncrypted: Bool) {
        self.store = store
        self.token = token
        self.isEncrypted = isEncrypted
    }

    var router: Router<BasicRequestContext> {
        let router = Router(options: .autoGenerateHeadEndpoints)
        // A probe needs no secret: it tells nothing of the runs.
        router.get("healthz") { _, _ in Self.answer("ok\n", "text/plain; charset=utf-8") }
        router.get("/") { request, _ in
            if let given = request.uri.queryParameters["token"], token.isAskedFor {
                return self.keepToken(String(given))
            }
            guard self.isAllowed(request) else { return Self.refusal }
            return Self.answer(RunPage.html, "text/html; charset=utf-8")
        }
        for file in RunPage.files {
            add(router, file.name) { _, _ in Self.answer(file.text, file.mediaType) }
        }
        add(router, "metrics") { _, _ in
            let bytes = try await Self.aside { try numbers.bytes(metrics) }
            return Self.answer(
                .init(byteBuffer: bytes), "text/plain; version=0.0.4; charset=utf-8", .ok)
        }
        add(router, "api/runs") { _, _ in
            let bytes = try await Self.aside {
                try list.bytes { RunJSON.list(try store.runs()) }
            }
            return Self.answer(.init(byteBuffer: bytes), "application/json", .ok)
        }
        add(router, "api/runs/:run/records") { request, context in
            try await records(request, try context.parameters.require("run"))
        }
        return router
    }

    /// Reads on a thread of its own: a store that is slow or held holds up who reads it, and nobody else.
    private static func aside<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await NIOThreadPool.singleton.runIfActive(body)
    }

    private typealias Handler =
        @Sendable (Request, BasicRequestContext) async throws -> Response

    /// A path that only those may see who may look.
    private func add(
        _ router: Router<BasicRequestContext>, _ path: String, _ handler: @escaping Handler
    ) {
        router.get(RouterPath(path)) { request, context -> Response in
            guard isAllowed(request) else { return Self.refusal }
            do {
                return try await handler(request, context)
            } catch let fault as any Fault {
                return Self.answer(
                    "error: \(fault)\n", "text/plain; charset=utf-8", .internalServerError)
            }
        }
    }

    /// `after`, `every` and `limit` as ``RunStore/rows(of:after:every:limit:mostScanned:)`` has them.
    ///
    /// Written in parts, each as the reader takes it: a reader that is slow costs little memory.
    private func records(_ request: Request, _ runID: String) async throws -> Response {
        func number(_ name: Substring, from least: Int, otherwise standard: Int) -> Int {
            let given = request.uri.queryParameters[name].flatMap { Int($0) } ?? standard
            return given < least ? standard : given
        }
        let id = runID.percentDecoded
        let limit = min(
            number("limit", from: 1, otherwise: Self.mostRecords), Self.mostRecords)
        let after = Int64(number("after", from: 0, otherwise: 0))
        let every = number("every", from: 1, otherwise: 1)
        let found = try await Self.aside {
            guard try store.knows(id) else { return FoundRows?.none }
            return try store.rows(
                of: id, after: after, every: every, limit: limit, mostScanned: Self.mostScanned)
        }
        guard let found else {
            return Self.answer(
                "no run \(id.printable): /api/runs lists them\n", "text/plain; charset=utf-8",
                .notFound)
        }
        let end = "],\"last\":\(found.last),\"more\":\(found.hasMore)}"
        return Self.answer(
            ResponseBody { writer in
                try await writer.write(ByteBuffer(string: "{\"records\":["))
                var (rest, separator) = (found.rows[...], "")
                while !rest.isEmpty {
                    let part = try await Self.aside { [rest] in
                        let part = try store.records(at: rest, mostBytes: Self.bytesAtOnce)
                        return (
                            lines: part.records.map(\.jsonLineWithSender).joined(separator: ","),
                            rowCount: part.rowCount
                        )
                    }
                    rest = rest.dropFirst(part.rowCount)
                    guard !part.lines.isEmpty else { continue }
                    try await writer.write(ByteBuffer(string: separator + part.lines))
                    separator = ","
                }
                try await writer.write(ByteBuffer(string: end))
                try await writer.finish(nil)
            }, "application/json", .ok)
    }

    private static let mostRecords = 5000
    /// Some tens of milliseconds, however long the run and however few of its steps are asked for.
    private static let mostScanned = 50_000
    /// As stored; as JSON a text of control characters takes six times as much.
    private static let bytesAtOnce = 128 << 10

    /// Who scrapes has the past; runs that are long over would only stand in its way.
    private static let shownSeconds: Int64 = 3600
    /// Beyond so many bytes runs that were heard of less recently are left out.
    private static let mostBytes = 4 << 20
    /// Of a run's name, which stands in every line.
    private static let mostNameCharacters = 100

    /// The newest numbers of every run that was heard of in the last hour.
    private func metrics() throws -> String {
        var text = PrometheusText()
        let oldest = unixTimeNanoseconds() - Self.shownSeconds * 1_000_000_000
        for run in try store.runs() where run.updatedNanoseconds >= oldest {
            guard text.byteCount < Self.mostBytes else { break }
            let name = String(run.name.prefix(Self.mostNameCharacters))
            let newest: [ProgressRecord?] = [
                run.start.map { .runStarted($0) }, run.lastStep.map { .step($0) },
                run.lastEvaluation.map { .evaluation($0) },
                run.lastCheckpoint.map { .checkpoint($0) }, run.finish.map { .finished($0) },
                run.failure.map { .failed($0) },
            ]
            for record in newest.compactMap({ $0 }) {
                text.add(record, runID: run.runID, runName: name)
            }
            text.add(count: run.jobs, of: "jobs", runID: run.runID, runName: name)
            text.add(count: run.checkpoints, of: "checkpoints", runID: run.runID, runName: name)
            text.add(count: run.warnings, of: "warnings", runID: run.runID, runName: name)
            text.add(
                state: run.state.rawValue, of: RunSummary.State.allCases.map(\.rawValue),
                runID: run.runID, runName: name)
            text.add(
                updatedNanoseconds: run.updatedNanoseconds, runID: run.runID, runName: name)
        }
        return text.text
    }

    // MARK: Who may look

    private static let cookie = "lora_token"

    private func isAllowed(_ request: Request) -> Bool {
        guard token.isAskedFor else { return true }
        let prefix = "Bearer "
        if let given = request.headers[.authorization], given.hasPrefix(prefix) {
            return token.isShown(by: String(given.dropFirst(prefix.count)))
        }
        return request.cookies[Self.cookie].map { token.isKept(in: $0.value) } ?? false
    }

    /// The token leaves the address bar, where others could read it.
    private func keepToken(_ given: String) -> Response {
        guard token.isShown(by: given) else { return Self.refusal }
        var headers = HTTPFields()
        headers[.location] = "/"
        headers[.setCookie] =
            "\(Self.cookie)=\(token.cookie); HttpOnly; SameSite=Strict; Path=/"
            + (isEncrypted ? "; Secure" : "")
        return Response(status: .seeOther, headers: headers)
    }

    private static var refusal: Response {
        answer(
            "This collector asks for its token: open /?token=TOKEN once, or send it as\n"
                + "Authorization: Bearer TOKEN\n", "text/plain; charset=utf-8", .unauthorized)
    }

    // MARK: Answers

    private static func answer(
        _ text: String, _ type: String, _ status: HTTPResponse.Status = .ok
    ) -> Response {
        answer(.init(byteBuffer: ByteBuffer(string: text)), type, status)
    }

    private static func answer(
        _ body: ResponseBody, _ type: String, _ status: HTTPResponse.Status
    ) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = type
        headers[.cacheControl] = "no-store"
        headers[.contentSecurityPolicy] =
            "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'"
        headers[.xContentTypeOptions] = "nosniff"
        return Response(status: status, headers: headers, body: body)
    }
}

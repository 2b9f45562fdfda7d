import Faults
import HTTPTypes
import Hummingbird
import MetricsOutlets
import ProgressReports
import RunPage
import RunStore

/// What each path answers.
struct PageRoutes {
    let store: RunStore
    /// Empty: everybody may look.
    let token: String

    var router: Router<BasicRequestContext> {
        let router = Router()
        // A probe needs no secret: it tells nothing of the runs.
        router.get("healthz") { _, _ in Self.answer("ok\n", "text/plain; charset=utf-8") }
        router.get("/") { request, _ in
            if let given = request.uri.queryParameters["token"], !token.isEmpty {
                return self.keepToken(String(given))
            }
            guard self.isAllowed(request) else { return Self.refusal }
            return Self.answer(RunPage.html, "text/html; charset=utf-8")
        }
        add(router, "page.css") { _, _ in Self.answer(RunPage.css, "text/css; charset=utf-8") }
        add(router, "page.js") { _, _ in
            Self.answer(RunPage.javaScript, "text/javascript; charset=utf-8")
        }
        add(router, "metrics") { _, _ in
            Self.answer(try metrics(), "text/plain; version=0.0.4; charset=utf-8")
        }
        add(router, "api/runs") { _, _ in Self.json(RunJSON.list(try store.runs())) }
        add(router, "api/runs/:run/records") { request, context in
            try records(request, try context.parameters.require("run"))
        }
        return router
    }

    private typealias Handler =
        @Sendable (Request, BasicRequestContext) throws -> Response

    /// A path that only those may see who may look.
    private func add(
        _ router: Router<BasicRequestContext>, _ path: String, _ handler: @escaping Handler
    ) {
        router.get(RouterPath(path)) { request, context -> Response in
            guard isAllowed(request) else { return Self.refusal }
            do {
                return try handler(request, context)
            } catch let fault as any Fault {
                return Self.answer(
                    "error: \(fault)\n", "text/plain; charset=utf-8", .internalServerError)
            }
        }
    }

    /// `after`, `every` and `limit` as ``RunStore/records(of:after:every:limit:)`` has them.
    private func records(_ request: Request, _ runID: String) throws -> Response {
        func number(_ name: Substring, _ standard: Int) -> Int {
            request.uri.queryParameters[name].flatMap { Int($0) } ?? standard
        }
        let limit = min(max(number("limit", Self.mostRecords), 1), Self.mostRecords)
        let found = try store.records(
            of: runID, after: Int64(number("after", 0)), every: number("every", 1),
            limit: limit)
        let last = found.last?.row ?? Int64(number("after", 0))
        let lines = found.map(\.record.jsonLineWithSender).joined(separator: ",")
        return Self.json(
            "{\"last\":\(last),\"more\":\(found.count == limit),\"records\":[\(lines)]}")
    }

    private static let mostRecords = 5000

    /// The newest numbers of every run.
    private func metrics() throws -> String {
        var text = PrometheusText()
        for run in try store.runs() {
            let newest: [ProgressRecord?] = [
                run.start.map { .runStarted($0) }, run.lastStep.map { .step($0) },
                run.lastEvaluation.map { .evaluation($0) },
                run.lastCheckpoint.map { .checkpoint($0) }, run.finish.map { .finished($0) },
                run.failure.map { .failed($0) },
            ]
            for record in newest.compactMap({ $0 }) {
                text.add(record, runID: run.runID, runName: run.name)
            }
            text.add("lora_jobs_total", Double(run.jobs), runID: run.runID, runName: run.name)
            text.add(
                "lora_updated_seconds", Double(run.updatedNanoseconds) / 1e9, runID: run.runID,
                runName: run.name)
        }
        return text.text
    }

    // MARK: Who may look

    private static let cookie = "lora_token"

    private func isAllowed(_ request: Request) -> Bool {
        guard !token.isEmpty else { return true }
        let bearer = request.headers[.authorization].map { $0 == "Bearer \(token)" } ?? false
        return bearer || request.cookies[Self.cookie]?.value == token
    }

    /// The token leaves the address bar, where others could read it.
    private func keepToken(_ given: String) -> Response {
        guard given == token else { return Self.refusal }
        var headers = HTTPFields()
        headers[.location] = "/"
        headers[.setCookie] = "\(Self.cookie)=\(token); HttpOnly; SameSite=Strict; Path=/"
        return Response(status: .seeOther, headers: headers)
    }

    private static var refusal: Response {
        answer(
            "This collector asks for its token: open /?token=TOKEN once, or send it as\n"
                + "Authorization: Bearer TOKEN\n", "text/plain; charset=utf-8", .unauthorized)
    }

    // MARK: Answers

    private static func json(_ text: String) -> Response {
        answer(text, "application/json")
    }

    private static func answer(
        _ text: String, _ type: String, _ status: HTTPResponse.Status = .ok
    ) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = type
        headers[.cacheControl] = "no-store"
        headers[.contentSecurityPolicy] =
            "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"
        headers[.xContentTypeOptions] = "nosniff"
        return Response(
            status: status, headers: headers,
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}

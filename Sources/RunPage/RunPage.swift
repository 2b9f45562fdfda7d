/// The page that shows runs: plain HTML, CSS and JavaScript without any outside resource.
///
/// It asks the collector for its data, or finds them in itself (``report(runs:)``).
public enum RunPage {
    /// A file of the page.
    public struct File: Sendable {
        public let name: String
        public let text: String
        /// For `Content-Type`.
        public let mediaType: String

        init(_ name: String, _ bytes: [UInt8], _ mediaType: String) {
            self.name = name
            text = String(decoding: bytes, as: UTF8.self)
            self.mediaType = mediaType + "; charset=utf-8"
        }
    }

    public static let html = File("index.html", PackageResources.index_html, "text/html").text
    private static let style = File("page.css", PackageResources.page_css, "text/css")
    /// In the order in which the page loads them.
    private static let scripts = [
        ("pieces.js", PackageResources.pieces_js), ("runs.js", PackageResources.runs_js),
        ("drawing.js", PackageResources.drawing_js), ("cursor.js", PackageResources.cursor_js),
        ("charts.js", PackageResources.charts_js), ("events.js", PackageResources.events_js),
        ("list.js", PackageResources.list_js), ("overview.js", PackageResources.overview_js),
        ("page.js", PackageResources.page_js),
    ].map { File($0.0, $0.1, "text/javascript") }

    /// What the page asks its server for by name.
    public static var files: [File] { [style] + scripts }

    /// One HTML file with the page and its data in it.
    ///
    /// - Parameter runs: JSON: `{"runs":[…]}`, each run with its `records`, and as `every` the size of the
    ///   groups to which its steps are thinned.
    public static func report(runs: String) -> String {
        var page = html.replacing(
            "<link rel=\"stylesheet\" href=\"\(style.name)\">",
            with: "\(policy)\n<style>\n\(style.text)</style>")
        for script in scripts {
            page = page.replacing(
                "<script src=\"\(script.name)\" defer></script>",
                with: "<script>\n\(script.text)</script>")
        }
        // Last, and by its end: what runs say is searched for nothing.
        guard let place = page.firstRange(of: "</main>\n") else { return page }
        return page[..<place.upperBound]
            + "<script type=\"application/json\" id=\"records\">\(withoutMarkup(runs))</script>\n"
            + page[place.upperBound...]
    }

    /// A report is opened from disks and mails: it can reach nothing, whatever is in it.
    private static let policy =
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        + "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:\">"

    /// In JSON "<" stands in texts only, where it may be written otherwise; so nothing in them can end
    /// the element, or begin another. By bytes: as characters, some would be joined with what follows.
    private static func withoutMarkup(_ json: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(json.utf8.count)
        for byte in json.utf8 {
            if byte == UInt8(ascii: "<") { bytes += "\\u003c".utf8 } else { bytes.append(byte) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

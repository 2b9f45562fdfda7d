/// The page that shows runs: plain HTML, CSS and JavaScript without any outside resource.
///
/// It asks the collector for its data, or finds them in itself (``report(runs:)``).
public enum RunPage {
    public static let html = text(PackageResources.index_html)
    public static let css = text(PackageResources.page_css)
    public static let javaScript = text(PackageResources.page_js)

    private static let styleLink = "<link rel=\"stylesheet\" href=\"page.css\">"
    private static let scriptLink = "<script src=\"page.js\" defer></script>"

    /// One HTML file with the page and its data in it.
    ///
    /// - Parameter runs: JSON: `{"runs":[…]}`, each run with its `records`.
    public static func report(runs: String) -> String {
        let data = withoutMarkup(runs)
        return
            html
            .replacing(styleLink, with: "<style>\n\(css)</style>")
            .replacing(
                scriptLink,
                with: "<script type=\"application/json\" id=\"records\">\(data)</script>\n"
                    + "<script type=\"module\">\n\(javaScript)</script>")
    }

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

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

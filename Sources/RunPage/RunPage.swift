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
        // "</" must not end the element early; in JSON a slash may be escaped anywhere in a text.
        let data = runs.replacing("</", with: "<\\/")
        return
            html
            .replacing(styleLink, with: "<style>\n\(css)</style>")
            .replacing(
                scriptLink,
                with: "<script type=\"application/json\" id=\"records\">\(data)</script>\n"
                    + "<script type=\"module\">\n\(javaScript)</script>")
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

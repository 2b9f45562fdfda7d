import Files

/// The secret that peers and readers show, or none.
struct AccessToken: Sendable {
    /// Empty: everybody is let in.
    private let text: String

    init(_ text: String) {
        self.text = text
    }

    var isAskedFor: Bool { !text.isEmpty }

    func isShown(by given: String) -> Bool { !isAskedFor || Self.isSame(given, text) }

    /// What a browser keeps in place of the secret, with which nobody can report.
    var cookie: String {
        SHA256.digest(of: "lora-collector page \(text)".utf8).hexadecimal
    }

    func isKept(in given: String) -> Bool { !isAskedFor || Self.isSame(given, cookie) }

    /// Compares without telling by its time how far two secrets agree.
    private static func isSame(_ given: String, _ wanted: String) -> Bool {
        var difference = given.utf8.count == wanted.utf8.count ? UInt8(0) : 1
        for (a, b) in zip(given.utf8, wanted.utf8) { difference |= a ^ b }
        return difference == 0
    }
}

import Foundation

/// Reading a template's file.
enum TemplateFile {
    private static let mostBytes = 4 << 20

    /// Whether `path` is a file, not a folder.
    static func exists(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && !isFolder.boolValue
    }

    /// The file as text.
    ///
    /// - Throws: ``ChatTemplateError`` if it cannot be read, is too long or is no UTF-8.
    static func text(_ path: String) throws(ChatTemplateError) -> String {
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: mostBytes + 1) ?? Data()
        else {
            throw ChatTemplateError(
                "cannot be read", template: path, hint: "Give the path of a text file")
        }
        guard data.count <= mostBytes else {
            throw ChatTemplateError(
                "has more than \(mostBytes >> 20) MiB; no template is so long", template: path)
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ChatTemplateError("is not valid UTF-8", template: path)
        }
        return text
    }
}

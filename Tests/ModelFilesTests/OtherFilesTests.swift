import Foundation
import JSON
import ModelFiles
import Testing

/// Files of a model that are something else are called what they are, whichever reader meets them.
@Suite struct OtherFilesTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private let pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 138102720\n"
    private let page = "<!DOCTYPE html>\n<html><head><title>Sign in</title>"

    @Test func aGGUFFile() throws {
        let path = folder.path + "/model.gguf"
        try Data(pointer.utf8).write(to: URL(fileURLWithPath: path))
        expectError("\(path): is a Git-LFS pointer", "(138102720 bytes)", "git lfs pull") {
            try BaseModel.open(path: path)
        }
        try Data(page.utf8).write(to: URL(fileURLWithPath: path))
        expectError("\(path): is a web page (HTML)", "/resolve/") {
            try BaseModel.open(path: path)
        }
    }

    @Test(arguments: ["config.json", "model.safetensors"])
    func aFileOfAFolder(name: String) throws {
        let model = folder.path + "/model"
        try FileManager.default.copyItem(atPath: Fixture.shared("tiny-llama"), toPath: model)
        let file = URL(fileURLWithPath: "\(model)/\(name)")
        try Data(pointer.utf8).write(to: file)
        expectError("\(file.path): is a Git-LFS pointer") { try BaseModel.open(path: model) }
        try Data(page.utf8).write(to: file)
        expectError("\(file.path): is a web page") { try BaseModel.open(path: model) }
    }

    /// What the tokenizer's files are read by.
    @Test func aJSONFile() throws {
        let path = folder.path + "/tokenizer.json"
        try Data(pointer.utf8).write(to: URL(fileURLWithPath: path))
        expectError("\(path): is a Git-LFS pointer") { try JSONValue.read(path: path) }
        try #require("{}".data(using: .utf16LittleEndian))
            .write(to: URL(fileURLWithPath: path))
        expectError("\(path): is text in UTF-16LE", "iconv") { try JSONValue.read(path: path) }
    }
}

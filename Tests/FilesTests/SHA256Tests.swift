import Files
import Foundation
import TestSupport
import Testing

/// Vectors of FIPS 180-4's example document and of NIST's CAVP (SHA256ShortMsg, SHA256LongMsg).
@Suite struct SHA256Tests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
        (
            String(repeating: "\0", count: 1 << 20),
            "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"
        ),
    ])
    func knownVectors(text: String, digest: String) {
        #expect(SHA256.digest(of: text.utf8).hexadecimal == digest)
        // Lazy: no contiguous memory.
        #expect(SHA256.digest(of: text.utf8.lazy.map { $0 }).hexadecimal == digest)
    }

    /// However the bytes come, in pieces around the block's 64 bytes, the digest is that of the whole.
    @Test func piecesGiveTheDigestOfTheWhole() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let whole = SHA256.digest(of: bytes)
        for cut in [0, 1, 55, 56, 63, 64, 65, 119, 127, 128, 129, 999, 1000] {
            var hash = SHA256()
            hash.update(bytes[..<cut])
            hash.update([])
            hash.update(bytes[cut...])
            #expect(hash.finalize() == whole, "cut at \(cut)")
        }
        var hash = SHA256()
        for byte in bytes { hash.update(CollectionOfOne(byte)) }
        #expect(hash.finalize() == whole)
        #expect(SHA256.digest(of: bytes.dropLast()) != whole)
    }

    @Test func aFileHasTheDigestOfItsBytes() throws {
        let scratch = try ScratchFolder()
        try scratch.write(Array("abc".utf8), to: "file")
        try scratch.write([], to: "empty")
        for name in ["file", "empty"] {
            let path = scratch.path + "/" + name
            #expect(try SHA256.digest(ofFile: path) == SHA256.digest(of: scratch.read(name)))
        }
        let error = #expect(throws: FileError.self) {
            try SHA256.digest(ofFile: scratch.path + "/missing")
        }
        #expect(error?.location == scratch.path + "/missing")
        #expect(error?.cause == .system(ENOENT))
    }

    @Test func hexadecimalHasAllItsDigits() {
        #expect([UInt8]([0, 9, 10, 0xA0, 0xFF]).hexadecimal == "00090aa0ff")
        #expect(UInt64(0x0123).hexadecimal == "0000000000000123")
        #expect(randomHexadecimal().utf8.count == 16)
        #expect(randomHexadecimal() != randomHexadecimal())
    }
}

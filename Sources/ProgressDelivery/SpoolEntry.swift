import Files
package import ProgressReports

/// One record as a spool keeps it: the message that will be sent, and what is needed to judge it unread.
package struct SpoolEntry: Equatable {
    package let place: Place
    /// Whether it stays where room is short.
    package let isKept: Bool
    /// An `Envelope`.
    package let message: [UInt8]

    /// Where a record stands among all that a folder's runs have reported.
    package struct Place: Equatable {
        /// A folder whose first job left no checkpoint gets another run.
        package var runID: String
        package var epoch: UInt64
        /// 0 before the first record of the epoch.
        package var sequence: UInt64

        static let start = Place(runID: "", epoch: 0, sequence: 0)

        func isOfSameJob(as other: Place) -> Bool { runID == other.runID && epoch == other.epoch }

        /// Epoch (8 bytes), sequence (8), size of the name (2), name; most significant byte first.
        func encoded() -> [UInt8] {
            let name = Array(runID.utf8.prefix(Int(UInt16.max)))
            return bigEndian(epoch) + bigEndian(sequence) + bigEndian(UInt16(name.count)) + name
        }

        package init(runID: String, epoch: UInt64, sequence: UInt64) {
            self.runID = runID
            self.epoch = epoch
            self.sequence = sequence
        }

        /// Takes a place off the front of `bytes`; `nil` if there is none.
        init?(decoding bytes: inout ArraySlice<UInt8>) {
            guard bytes.count >= 18 else { return nil }
            epoch = integer(bytes.prefix(8))
            sequence = integer(bytes.dropFirst(8).prefix(8))
            let length = Int(integer(bytes.dropFirst(16).prefix(2)))
            bytes = bytes.dropFirst(18)
            guard bytes.count >= length else { return nil }
            runID = String(decoding: bytes.prefix(length), as: UTF8.self)
            bytes = bytes.dropFirst(length)
        }
    }

    package init(_ record: TimedRecord) {
        place = Place(runID: record.runID, epoch: record.epoch, sequence: record.sequence)
        isKept = record.record.importance == 2
        message = ProgressMessage.encode(record)
    }

    private init(place: Place, isKept: Bool, message: [UInt8]) {
        self.place = place
        self.isKept = isKept
        self.message = message
    }

    /// As a segment holds it: size of the rest (4), its checksum (8), class (1), place, message.
    func encoded() -> [UInt8] {
        SpoolChecksum.sealed([isKept ? 1 : 0] + place.encoded() + message)
    }

    /// The whole entries of a segment after its header; damaged ones are left out, and all behind one
    /// that is torn.
    static func decode(_ bytes: ArraySlice<UInt8>) -> [SpoolEntry] {
        var entries: [SpoolEntry] = []
        var rest = bytes
        while let part = SpoolChecksum.unseal(&rest) {
            guard case .body(var body) = part, let kind = body.popFirst(),
                let place = Place(decoding: &body)
            else { continue }
            entries.append(SpoolEntry(place: place, isKept: kind == 1, message: Array(body)))
        }
        return entries
    }
}

/// Bytes with their size and checksum before them.
enum SpoolChecksum {
    /// The first bytes of SHA-256: the library is there, and no record is long.
    private static let bytes = 8
    private static let most = ProgressMessage.maximumBytes + 2 * Int(UInt16.max)

    enum Part {
        case body(ArraySlice<UInt8>)
        case damaged
    }

    static func sealed(_ body: [UInt8]) -> [UInt8] {
        bigEndian(UInt32(body.count)) + checksum(body[...]) + body
    }

    /// Takes sealed bytes off the front of `rest`.
    ///
    /// - Returns: `nil` if there are none, or not all.
    static func unseal(_ rest: inout ArraySlice<UInt8>) -> Part? {
        guard rest.count >= 4 + bytes else { return nil }
        let length = Int(integer(rest.prefix(4)))
        guard length <= most, rest.count >= 4 + bytes + length else { return nil }
        let body = rest.dropFirst(4 + bytes).prefix(length)
        let isSame = checksum(body) == Array(rest.dropFirst(4).prefix(bytes))
        rest = rest.dropFirst(4 + bytes + length)
        return isSame ? .body(body) : .damaged
    }

    private static func checksum(_ body: ArraySlice<UInt8>) -> [UInt8] {
        Array(SHA256.digest(of: body).bytes.prefix(bytes))
    }
}

/// The bytes of an integer, most significant first.
func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

/// At most eight bytes, most significant first.
func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
}

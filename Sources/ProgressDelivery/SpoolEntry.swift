import Crypto
import ProgressReports

/// One record as a spool keeps it: the message that will be sent, and what is needed to judge it unread.
struct SpoolEntry: Equatable {
    let place: Place
    /// Whether it stays where room is short.
    let isKept: Bool
    /// An `Envelope`.
    let message: [UInt8]

    /// Where a record stands among those of its run.
    struct Place: Equatable {
        var epoch: UInt64
        /// 0 before the first record of the epoch.
        var sequence: UInt64

        static let start = Place(epoch: 0, sequence: 0)

        /// Whether `next` follows without a gap.
        func isFollowed(by next: Place) -> Bool {
            next.sequence == (next.epoch == epoch ? sequence : 0) + 1
        }
    }

    init(_ record: TimedRecord) {
        place = Place(epoch: record.epoch, sequence: record.sequence)
        isKept = record.record.importance == 2
        message = ProgressMessage.encode(record)
    }

    private init(place: Place, isKept: Bool, message: [UInt8]) {
        self.place = place
        self.isKept = isKept
        self.message = message
    }

    /// Bytes of an entry beside its message: length (4), checksum (8), class (1), epoch and sequence (8
    /// each), most significant byte first.
    static let overhead = 29
    private static let checksumBytes = 8

    func encoded() -> [UInt8] {
        var body: [UInt8] = [isKept ? 1 : 0]
        body += bigEndian(place.epoch) + bigEndian(place.sequence) + message
        return bigEndian(UInt32(message.count)) + Self.checksum(body[...]) + body
    }

    /// The entries of a segment after its header, up to the first that is torn or damaged.
    static func decode(_ bytes: ArraySlice<UInt8>) -> [SpoolEntry] {
        var entries: [SpoolEntry] = []
        var rest = bytes
        while rest.count >= overhead {
            let length = Int(integer(rest.prefix(4)))
            guard length <= ProgressMessage.maximumBytes, rest.count >= overhead + length else {
                break
            }
            let checksum = rest.dropFirst(4).prefix(checksumBytes)
            let body = rest.dropFirst(4 + checksumBytes).prefix(17 + length)
            guard let kind = body.first, Self.checksum(body) == Array(checksum) else { break }
            let numbers = body.dropFirst()
            entries.append(
                SpoolEntry(
                    place: Place(
                        epoch: integer(numbers.prefix(8)),
                        sequence: integer(numbers.dropFirst(8).prefix(8))),
                    isKept: kind == 1, message: Array(numbers.dropFirst(16))))
            rest = rest.dropFirst(overhead + length)
        }
        return entries
    }

    /// The first bytes of SHA-256: the library is there, and no record is long.
    private static func checksum(_ body: ArraySlice<UInt8>) -> [UInt8] {
        Array(SHA256.hash(data: body).prefix(checksumBytes))
    }
}

/// The bytes of an integer, most significant first.
func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
}

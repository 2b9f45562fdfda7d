import Faults
import Foundation
import Supervision
import TestSupport
import Testing

@Suite struct HostfileTests {
    private func read(_ text: String) throws -> [Hostfile.Host] {
        try read(Data(text.utf8))
    }

    private func read(_ bytes: Data) throws -> [Hostfile.Host] {
        try Programs.withScratchFolder { scratch in
            try bytes.write(to: URL(fileURLWithPath: scratch + "/hosts"))
            return try Hostfile(path: scratch + "/hosts").hosts
        }
    }

    private static let two = [
        Hostfile.Host(name: "node1", slots: 2), Hostfile.Host(name: "node2", slots: 3),
    ]

    @Test func readsWhatOpenMPIReads() throws {
        #expect(
            try read("# ours\nnode1 slots=8\n\n  node2   # the old one\n10.0.0.3 slots=2\n") == [
                .init(name: "node1", slots: 8), .init(name: "node2", slots: nil),
                .init(name: "10.0.0.3", slots: 2),
            ])
    }

    /// What changes nothing is passed over.
    @Test(arguments: [
        "node1 slots=2\nnode2 slots=3\n", "node1 slots=2\nnode2 slots=3",
        "node1 slots=2\r\nnode2 slots=3\r\n", "node1 slots=2\r\nnode2 slots=3",
        "node1 slots=2\rnode2 slots=3\r", "\u{FEFF}node1 slots=2\nnode2 slots=3\n",
        "\u{FEFF}# ours\r\n\r\nnode1 slots=2\r\nnode2 slots=3 \r\n\r\n",
        "\tnode1\tslots=2  \n   \n\u{0B}node2\u{0C}slots=3\n",
        "node1 slots = 2\nnode2 slots= 3\n", "node1 cpu=2\nnode2 count=3\n",
        "// ours\nnode1 slots=2 // one\nnode2 slots=3 # slots=9\n",
        "node1 slots=2#\nnode2 slots=3//",
        "node1 slots=02\nnode2 slots=3\n",
    ])
    func formsOfOneFile(_ text: String) throws {
        #expect(try read(text) == Self.two)
    }

    /// Slots, and the most of them: as `mpirun --hostfile` of Open MPI 4.1.4 counted when it was asked.
    @Test(
        arguments: [
            ("node1\n", nil, nil), ("node1\nnode1\n", 2, nil),
            ("node1\nnode2 slots=1\nnode1\nnode1\n", 3, nil), ("node1 slots=2\nnode1\n", 3, nil),
            ("node1 max_slots=4\n", 4, 4), ("node1 slots=2 max_slots=4\n", 2, 4),
            ("node1 max-slots=4 slots=2\n", 2, 4), ("node1 slots=2 slots_max=2\n", 2, 2),
            ("node1\nnode1 max_slots=4\n", 2, 4), ("node1 cpu_max=3\n", 3, 3),
            ("node1 count-max=5 count=1\n", 1, 5), ("node1 slots=65536\n", 65_536, nil),
        ] as [(String, Int?, Int?)])
    func countsSlots(_ text: String, _ slots: Int?, _ most: Int?) throws {
        #expect(
            try read(text).first == Hostfile.Host(name: "node1", slots: slots, mostSlots: most))
    }

    /// Each with the line and a word of what is wrong with it.
    @Test(arguments: [
        ("node1 slots=0\n", 1, "slots=0"), ("node1 slots=-2\n", 1, "slots=-2"),
        ("node1 slots=+2\n", 1, "slots=+2"), ("node1 slots=2x\n", 1, "slots=2x"),
        ("node1 slots=auto\n", 1, "slots=auto"), ("node1 slots=1.5\n", 1, "slots=1.5"),
        ("node1 slots=99999999999999999999\n", 1, "slots=9999"),
        ("node1 slots=65537\n", 1, "65536"),
        ("a\nnode1 slots=\n", 2, "'slots'"), ("node1 slots\n", 1, "'slots'"),
        ("node1 slots 2\n", 1, "'slots'"), ("node1 =2\n", 1, "node1="), ("node1 4\n", 1, "'4'"),
        ("node1 slots==2\n", 1, "'slots'"), ("slots=2\n", 1, "'slots='"),
        ("node1 SLOTS=2\n", 1, "SLOTS"), ("node1 slot=2\n", 1, "'slot=2'"),
        ("node1 gpus=2 slots=2\n", 1, "gpus=2"), ("rank 0=node1 slot=1\n", 1, "0=node1"),
        ("node1 slots=2 slots=3\n", 1, "second"), ("node1 max_slots=2 slots_max=3\n", 1, "second"),
        ("a slots=1\nnode1 slots=2\n\nnode1 slots=2\n", 4, "slots=4"),
        ("node1\nnode1 slots=2\n", 2, "counted"), ("node1 slots=4 max_slots=2\n", 1, "max_slots=2"),
        ("node1 max_slots=1 slots=4\n", 1, "max_slots=1"),
        ("node1 max_slots=0\n", 1, "max_slots=0"),
        ("node1 slots=2 max_slots=2\nnode1\n", 2, "max_slots=2"),
        ("node1 sockets=2\n", 1, "sockets"), ("node1 slots=2 boards=1\n", 1, "boards"),
        ("node1 cores_per_socket=2\n", 1, "cores_per_socket"),
        ("trainer@node1 slots=2\n", 1, "User trainer"), ("node1 username=bob\n", 1, "User bob"),
        ("node1 user-name=bob slots=1\n", 1, "Host node1"), ("node1 port=2222\n", 1, "Port 2222"),
        ("2001:db8::5 slots=2\n", 1, "IPv6"), ("[2001:db8::5] slots=2\n", 1, "IPv6"),
        ("::1\n", 1, "IPv6"), ("fe80::1%eth0 slots=1\n", 1, "IPv6"), ("[::1]:2\n", 1, "IPv6"),
        ("node1:2\n", 1, "node1 slots=2"), ("node1:\n", 1, "another MPI"),
        ("node1,node2 slots=2\n", 1, "several"), ("node[1-3] slots=2\n", 1, "scontrol"),
        ("+n0 slots=2\n", 1, "+n0"), ("+e:2\n", 1, "+e"), ("^node1\n", 1, "excludes"),
        ("--version\n", 1, "--version"), ("-x slots=2\n", 1, "-x"),
        ("node_1 slots=2\n", 1, "node_1"),
        ("\"node1\" slots=2\n", 1, "letters"), ("nöde slots=2\n", 1, "letters"),
        (".node slots=1\n", 1, "letters"), ("a..b slots=1\n", 1, "letters"),
        ("/* all */\n", 1, "letters"), ("*\n", 1, "letters"), ("node1\u{A0}slots=2\n", 1, "node1"),
        ("a\r\nb slots=1\r\n\r\nc cores=2\r\n", 4, "cores"), ("a\rb slots=x\r", 2, "slots=x"),
        (String(repeating: "a", count: 51) + "1\n", 1, "51"),
    ])
    func refusesByLine(_ text: String, _ line: Int, _ word: String) {
        let error = #expect(throws: SupervisionError.self) { try read(text) }
        #expect(error?.location?.hasSuffix("hosts:\(line)") == true, "\(String(describing: error))")
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
        #expect(error?.exitCode == .badInput)
        #expect(error?.hint?.isEmpty == false)
    }

    @Test(arguments: [
        Data(), Data("# nothing\n\n".utf8), Data([0xFF, 0xFE, 0x61, 0x00, 0x0A, 0x00]),
        Data([0x6E, 0xE9, 0x0A]),
    ])
    func refusesWhatNamesNoHost(_ bytes: Data) {
        let error = #expect(throws: SupervisionError.self) { try read(bytes) }
        #expect(error?.location?.hasSuffix("hosts") == true)
    }

    @Test func refusesWhatIsNotThere() {
        #expect(throws: SupervisionError.self) { try Hostfile(path: "/nowhere/hosts") }
    }
}

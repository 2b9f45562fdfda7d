import Foundation

/// Where the processors of this machine sit: which share a core, and which a memory.
///
/// Linux numbers them as it likes, often one thread of every core first and the second threads after
/// all of these; a stretch of numbers is then no part of the machine.
///
/// Source: Documentation/admin-guide/cputopology.rst of Linux.
public struct ProcessorTopology: Sendable {
    private struct Place: Sendable {
        var node = 0
        var package = 0
        var core = 0
    }

    private var places: [Int: Place] = [:]

    /// - Parameters:
    ///   - processors: Those to look at; what the system does not tell counts as 0.
    ///   - root: Where the system tells it.
    public init(processors: [Int], root: String = "/sys/devices/system") {
        for processor in processors {
            let folder = "\(root)/cpu/cpu\(processor)"
            var place = Place()
            place.package = Self.number(folder + "/topology/physical_package_id")
            place.core = Self.number(folder + "/topology/core_id")
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            let nodes = names.compactMap { $0.hasPrefix("node") ? Int($0.dropFirst(4)) : nil }
            place.node = nodes.min() ?? 0
            places[processor] = place
        }
    }

    /// By memory, socket and core: any stretch of the result is as close together as it can be.
    public func ordered(_ processors: [Int]) -> [Int] {
        processors.sorted { key(of: $0) < key(of: $1) }
    }

    /// The memory that is near a processor: its NUMA node.
    public func node(of processor: Int) -> Int { places[processor]?.node ?? 0 }

    private func key(of processor: Int) -> (Int, Int, Int, Int) {
        let place = places[processor] ?? Place()
        return (place.node, place.package, place.core, processor)
    }

    private static func number(_ path: String) -> Int {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }
}

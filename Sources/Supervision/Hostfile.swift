/// The hosts that a job may run on, as Open MPI's hostfile names them: `name slots=N` a line.
public struct Hostfile: Sendable, Equatable {
    public struct Host: Sendable, Equatable {
        public let name: String
        /// Ranks that it takes; `nil` leaves it to Open MPI, which counts the host's cores.
        public let slots: Int?
        /// Ranks that it takes where more are wanted than all slots take; `nil`: any number.
        public let mostSlots: Int?

        public init(name: String, slots: Int?, mostSlots: Int? = nil) {
            self.name = name
            self.slots = slots
            self.mostSlots = mostSlots
        }
    }

    /// In the file's order: the first one gets rank 0.
    public let hosts: [Host]

    public init(hosts: [Host]) { self.hosts = hosts }
}

extension [Hostfile.Host] {
    /// Ranks that all of them take; `nil` if Open MPI is to count the cores of any.
    public var slots: Int? {
        let known = compactMap(\.slots)
        return known.count == count ? known.reduce(0, +) : nil
    }
}

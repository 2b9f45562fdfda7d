import Faults
public import Files
import Glibc

extension CheckpointStore {
    /// Removes old checkpoints, newest kept; call it after a save.
    ///
    /// The newest is read again from disk first, and so are others until two are known to be whole
    /// (one where `keeping` is 1): nothing is removed on the word of a name. Damaged ones found on
    /// the way neither count nor go away.
    ///
    /// - Parameter keeping: How many whole checkpoints stay, at least 1.
    /// - Returns: Paths of the removed checkpoints, newest first.
    /// - Throws: ``FileError``; nothing is removed if the newest is damaged.
    public func prune(keeping: Int) throws(FileError) -> [String] {
        precondition(keeping >= 1, "keeping \(keeping)")
        let root = try Descriptor.folder(folder)
        try removeLeftovers(in: root)
        let steps = try root.entries().compactMap(Self.step(ofName:)).sorted(by: >)
        var kept = 0
        var removed: [String] = []
        for (age, step) in steps.enumerated() {
            if kept == keeping {
                removed.append(try remove(step: step, in: root))
            } else if kept >= 2 {
                kept += 1
            } else {
                do throws(FileError) {
                    _ = try read(step: step, in: root, keepingBytes: false)
                    kept += 1
                } catch {
                    if age == 0 || !error.isDamage { throw error }
                }
            }
        }
        return removed
    }

    /// Renames first: a half-deleted folder must not bear a checkpoint's name.
    private func remove(step: Int, in root: borrowing Descriptor) throws(FileError)
        -> String
    {
        let name = Self.name(ofStep: step)
        let doomed = "\(Self.removalPrefix)\(name).\(randomHexadecimal())"
        try root.rename(name, to: doomed, doing: "cannot be removed")
        try root.synchronize()
        try root.remove(doomed)
        return path(of: name)
    }
}

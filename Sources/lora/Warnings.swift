import Foundation
import Words

/// Tells a person what they should know before anything is computed; standard output stays as it is.
func warn(_ remarks: [String]) {
    for remark in remarks {
        FileHandle.standardError.write(Data("warning: \(remark.printable)\n".utf8))
    }
}

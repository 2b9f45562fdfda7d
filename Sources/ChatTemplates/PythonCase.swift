/// Upper and lower case as Python's `str` has them: full mappings, and sigma at the end of a word.
extension String {
    var pythonUpper: String {
        unicodeScalars.reduce(into: "") { $0 += $1.properties.uppercaseMapping }
    }

    var pythonLower: String {
        let scalars = Array(unicodeScalars)
        return scalars.indices.reduce(into: "") { $0 += scalars.lower(at: $1) }
    }

    /// Each first letter of a word in title case, the others in lower case.
    var pythonTitle: String {
        let scalars = Array(unicodeScalars)
        var title = ""
        var isInWord = false
        for (index, scalar) in scalars.enumerated() {
            title += isInWord ? scalars.lower(at: index) : scalar.properties.titlecaseMapping
            isInWord = scalar.properties.isCased
        }
        return title
    }

    /// The first letter in title case, the others in lower case.
    var pythonCapitalized: String {
        let scalars = Array(unicodeScalars)
        guard let first = scalars.first else { return self }
        return scalars.indices.dropFirst().reduce(into: first.properties.titlecaseMapping) {
            $0 += scalars.lower(at: $1)
        }
    }

    /// Whether all cased letters are as wanted, and there is one.
    func areCased(_ isWanted: (Unicode.Scalar.Properties) -> Bool) -> Bool {
        var isFound = false
        for scalar in unicodeScalars where scalar.properties.isCased {
            guard isWanted(scalar.properties) else { return false }
            isFound = true
        }
        return isFound
    }

    var isPythonLower: Bool { areCased { $0.isLowercase } }
    var isPythonUpper: Bool { areCased { $0.isUppercase } }
}

extension [Unicode.Scalar] {
    fileprivate func lower(at index: Int) -> String {
        guard self[index] == "\u{3A3}" else { return self[index].properties.lowercaseMapping }
        // Unicode 15, section 3.13, "Final_Sigma".
        let before = self[..<index].last { !$0.properties.isCaseIgnorable }
        let after = self[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        let isFinal =
            before?.properties.isCased == true && after?.properties.isCased != true
        return isFinal ? "\u{3C2}" : "\u{3C3}"
    }
}

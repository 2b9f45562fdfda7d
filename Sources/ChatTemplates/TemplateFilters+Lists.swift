import Words

extension Rendering {
    /// Filters that take a list or a mapping; `nil` if `name` is another one.
    func listFiltered(
        _ value: TemplateValue, by name: String, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue? {
        switch name {
        case "select", "reject", "selectattr", "rejectattr":
            return .generator(try selected(value, by: name, arguments))
        case "map": return .generator(try mapped(value, arguments))
        case "items", "dictsort": return try pairs(value, by: name, arguments)
        case "sort", "min", "max", "unique":
            return try ordered(value, by: name, arguments)
        case "join": return try joined(value, arguments)
        case "first", "last", "list", "reverse", "sum": break
        default: return nil
        }
        guard arguments.named.isEmpty, arguments.positional.isEmpty else {
            throw unsupported("an argument of '\(name)'")
        }
        switch name {
        case "first":
            if case .generator(let generator) = value {
                return generator.next() ?? .undefined("there is no first item")
            }
            return try elements(of: value).first ?? .undefined("there is no first item")
        case "last": return try last(value)
        case "list":
            let values = try elements(of: value)
            try spend(values.count)
            return .list(values)
        case "reverse":
            if let text = value.string {
                try spendText(text.utf8.count)
                return .text(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
            }
            let values = try elements(of: value)
            try spend(values.count)
            return .generator(TemplateGenerator(values.reversed()))
        default:
            var sum = TemplateValue.integer(0)
            for value in try elements(of: value) { sum = try arithmetic(.add, sum, value) }
            return sum
        }
    }

    private func last(_ value: TemplateValue) throws(ChatTemplateError) -> TemplateValue {
        if case .generator = value { throw failure("a generator has no last item") }
        return try elements(of: value).last ?? .undefined("there is no last item")
    }

    private func joined(
        _ value: TemplateValue, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        let given = try BoundArguments(
            arguments, to: ["d", "attribute"], of: "join", in: self)
        let separator = try text(of: given["d"] ?? .empty)
        var joined = ""
        for (index, element) in try elements(of: value).enumerated() {
            let part =
                try given["attribute"].map { (path) throws(ChatTemplateError) in
                    try member(path, of: element)
                } ?? element
            let text = try text(of: part)
            try spendText(joined.utf8.count / 64 + text.utf8.count + separator.utf8.count)
            joined += (index == 0 ? "" : separator) + text
            guard joined.utf8.count <= Self.longestText else { try spendText(.max); break }
        }
        return .text(joined)
    }

    /// `element.a.b`, for a path "a.b".
    ///
    /// - Parameter standard: What stands for each part that is undefined.
    func member(
        _ path: TemplateValue, of element: TemplateValue, standard: TemplateValue? = nil
    ) throws(ChatTemplateError) -> TemplateValue {
        var element = element
        func orStandard(_ value: TemplateValue) -> TemplateValue {
            if case .undefined = value { standard ?? value } else { value }
        }
        if let index = path.wholeNumber {
            return orStandard(try item(.integer(index), of: element))
        }
        for name in try string(path, "an attribute's name").pieces(between: ".") {
            let key = Int(name).map { TemplateValue.integer($0) } ?? .text(name)
            element = orStandard(try item(key, of: element))
        }
        return element
    }

    // MARK: Selecting and mapping

    /// As ``elements(of:)``; these filters take none and the like for an empty list.
    private func anyElements(of value: TemplateValue) throws(ChatTemplateError) -> [TemplateValue] {
        value.isTrue ? try elements(of: value) : []
    }

    private func selected(
        _ value: TemplateValue, by name: String, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateGenerator {
        var rest = arguments.positional[...]
        guard arguments.named.isEmpty else { throw unsupported("a named argument of '\(name)'") }
        var path: TemplateValue?
        if name.hasSuffix("attr") {
            guard let first = rest.popFirst() else { throw failure("'\(name)' needs a name") }
            path = first
        }
        let test = try rest.popFirst().map { (test) throws(ChatTemplateError) in
            try string(test, "a test's name")
        }
        if let test, !TemplateTests.supported.contains(test) {
            throw unsupported("the test \(test.quoted)")
        }
        var selected: [TemplateValue] = []
        for element in try anyElements(of: value) {
            try spend(1)
            let part =
                try path.map { (path) throws(ChatTemplateError) in
                    try member(path, of: element)
                } ?? element
            let passes =
                try test.map { (test) throws(ChatTemplateError) in
                    try self.passes(part, test, CallArguments(positional: Array(rest)))
                } ?? part.isTrue
            if passes == name.hasPrefix("select") { selected.append(element) }
        }
        return TemplateGenerator(selected)
    }

    private func mapped(
        _ value: TemplateValue, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateGenerator {
        var mapped: [TemplateValue] = []
        var rest = CallArguments(
            positional: Array(arguments.positional.dropFirst()), named: arguments.named)
        if let filter = arguments.positional.first {
            let filter = try string(filter, "a filter's name")
            for element in try anyElements(of: value) {
                try spend(1)
                mapped.append(try filtered(element, by: filter, rest))
            }
            return TemplateGenerator(mapped)
        }
        rest.positional = []
        let given = try BoundArguments(rest, to: ["attribute", "default"], of: "map", in: self)
        guard let path = given["attribute"] else { throw failure("'map' needs a filter's name") }
        for element in try anyElements(of: value) {
            try spend(1)
            mapped.append(try member(path, of: element, standard: given["default"]))
        }
        return TemplateGenerator(mapped)
    }

    private func pairs(
        _ value: TemplateValue, by name: String, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        if name == "items", case .undefined = value { return .generator(TemplateGenerator([])) }
        guard case .mapping(let mapping) = value else {
            throw failure("'\(name)' needs a mapping, not a \(value.typeName)")
        }
        try spend(mapping.keys.count)
        let parameters = name == "items" ? [] : ["case_sensitive", "by", "reverse"]
        let given = try BoundArguments(arguments, to: parameters, of: name, in: self)
        guard name == "dictsort" else { return .generator(TemplateGenerator(mapping.items)) }
        let byValue = given["by"]?.string == "value"
        let isExact = given["case_sensitive"]?.isTrue == true
        let ordered = try sorted(mapping.members, isReversed: isReversed(given)) {
            let part = byValue ? $0.value : $0.key
            return isExact ? part : part.lowered
        }
        return .list(ordered.map { .tuple([$0.key, $0.value]) })
    }

    // MARK: Order

    private func isReversed(_ given: BoundArguments) throws(ChatTemplateError) -> Bool {
        try integer(given["reverse"] ?? .boolean(false), "the argument 'reverse'") != 0
    }

    private func ordered(
        _ value: TemplateValue, by name: String, _ arguments: CallArguments
    ) throws(ChatTemplateError) -> TemplateValue {
        let parameters =
            name == "sort"
            ? ["reverse", "case_sensitive", "attribute"] : ["case_sensitive", "attribute"]
        let given = try BoundArguments(arguments, to: parameters, of: name, in: self)
        let isExact = given["case_sensitive"]?.isTrue == true
        if name == "sort", given["attribute"]?.string?.containsExactly(",") == true {
            throw unsupported("sorting by several attributes")
        }
        var keyed: [(key: TemplateValue, value: TemplateValue)] = []
        for element in try elements(of: value) {
            let part =
                try given["attribute"].map { (path) throws(ChatTemplateError) in
                    try member(path, of: element)
                } ?? element
            keyed.append((isExact ? part : part.lowered, element))
        }
        try spend(keyed.count)
        switch name {
        case "sort":
            let ordered = try sorted(keyed, isReversed: isReversed(given)) { $0.key }
            return .list(ordered.map(\.value))
        case "unique":
            var seen: Set<MappingKey> = []
            var unique: [TemplateValue] = []
            for (key, value) in keyed {
                guard let hashed = MappingKey(key) else {
                    throw failure("'unique' cannot compare a \(key.typeName)")
                }
                if seen.insert(hashed).inserted { unique.append(value) }
            }
            return .generator(TemplateGenerator(unique))
        default:
            guard var best = keyed.first else { return .undefined("there is no item") }
            for candidate in keyed.dropFirst() {
                let isBetter =
                    name == "min"
                    ? try isLess(candidate.key, best.key) : try isLess(best.key, candidate.key)
                if isBetter { best = candidate }
            }
            return best.value
        }
    }

    /// A stable merge sort; as with Python's, equal elements keep their order when reversed.
    func sorted<Element>(
        _ elements: [Element], isReversed: Bool = false, by key: (Element) -> TemplateValue
    ) throws(ChatTemplateError) -> [Element] {
        guard elements.count > 1 else { return elements }
        let middle = elements.count / 2
        let left = try sorted(Array(elements[..<middle]), isReversed: isReversed, by: key)
        let right = try sorted(Array(elements[middle...]), isReversed: isReversed, by: key)
        try spend(elements.count)
        var merged: [Element] = []
        var (next, other) = (0, 0)
        while next < left.count, other < right.count {
            let (first, second) = (key(left[next]), key(right[other]))
            let takesRight =
                isReversed ? try isLess(first, second) : try isLess(second, first)
            if takesRight {
                merged.append(right[other])
                other += 1
            } else {
                merged.append(left[next])
                next += 1
            }
        }
        return merged + left[next...] + right[other...]
    }
}

extension TemplateValue {
    /// In lower case, if it is a string.
    fileprivate var lowered: TemplateValue { string.map { .text($0.pythonLower) } ?? self }
}

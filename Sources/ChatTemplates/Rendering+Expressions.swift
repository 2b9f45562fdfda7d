import Words

extension Rendering {
    /// Evaluates an expression; `input` is what a filter block gives to its filter.
    func value(
        of expression: TemplateExpression, input: TemplateValue? = nil
    ) throws(ChatTemplateError) -> TemplateValue {
        try nested { () throws(ChatTemplateError) in
            line = expression.line
            return try evaluated(expression, input: input)
        }
    }

    private func evaluated(
        _ expression: TemplateExpression, input: TemplateValue?
    ) throws(ChatTemplateError) -> TemplateValue {
        switch expression.kind {
        case .none: return .none
        case .boolean(let value): return .boolean(value)
        case .integer(let value): return .integer(value)
        case .number(let value): return .number(value)
        case .text(let text): return .text(text)
        case .name(let name):
            return scope.value(name) ?? .undefined("\(name.quoted) is undefined")
        case .list(let parts): return .list(try values(of: parts))
        case .tuple(let parts): return .tuple(try values(of: parts))
        case .mapping(let members): return try mapping(members)
        case .choice(let value, let condition, let other):
            if try self.value(of: condition).isTrue { return try self.value(of: value) }
            return try other.map { (other) throws(ChatTemplateError) in
                try self.value(of: other)
            } ?? .undefined("the choice has no 'else'")
        case .not(let value): return .boolean(try !self.value(of: value).isTrue)
        case .and(let left, let right):
            let value = try value(of: left)
            return value.isTrue ? try self.value(of: right) : value
        case .or(let left, let right):
            let value = try value(of: left)
            return value.isTrue ? value : try self.value(of: right)
        default: return try computed(expression, input: input)
        }
    }

    /// As ``evaluated(_:input:)``, for what computes something from its parts.
    private func computed(
        _ expression: TemplateExpression, input: TemplateValue?
    ) throws(ChatTemplateError) -> TemplateValue {
        let line = expression.line
        switch expression.kind {
        case .attribute(let base, let name):
            return try attribute(name, of: value(of: base), line: line)
        case .item(let base, let key):
            let (base, key) = (try value(of: base), try value(of: key))
            self.line = line
            return try item(key, of: base)
        case .slice(let base, let bounds): return try slice(of: base, bounds, line: line)
        case .call(let callee, let arguments):
            let callee = try value(of: callee)
            let given = try self.arguments(arguments)
            self.line = line
            return try call(callee, given)
        case .filter(let operand, let name, let arguments):
            // In a chain of filters, the first is the one that lacks its operand.
            let operand =
                try operand.map { (operand) throws(ChatTemplateError) in
                    try value(of: operand, input: input)
                } ?? input ?? .empty
            let given = try self.arguments(arguments)
            self.line = line
            return try filtered(operand, by: name, given)
        case .test(let operand, let name, let arguments, let isNegated):
            let operand = try value(of: operand)
            let given = try self.arguments(arguments)
            self.line = line
            return .boolean(try passes(operand, name, given) != isNegated)
        case .arithmetic(let operation, let left, let right):
            let (left, right) = (try value(of: left), try value(of: right))
            self.line = line
            return try arithmetic(operation, left, right)
        case .negated(let operand):
            return try arithmetic(.subtract, .integer(0), try number(operand), isSign: true)
        case .positive(let operand): return try number(operand)
        case .joined(let parts): return .text(try joined(parts))
        case .comparison(let left, let operations):
            return .boolean(try comparison(left, operations, line: line))
        default: return .undefined("an expression has no value")
        }
    }

    private func values(
        of expressions: [TemplateExpression]
    ) throws(ChatTemplateError) -> [TemplateValue] {
        var values: [TemplateValue] = []
        for expression in expressions { values.append(try value(of: expression)) }
        return values
    }

    private func mapping(
        _ members: [(key: TemplateExpression, value: TemplateExpression)]
    ) throws(ChatTemplateError) -> TemplateValue {
        var mapping = TemplateMapping()
        for member in members {
            let key = try value(of: member.key)
            guard mapping.set(key, try value(of: member.value)) else {
                throw failure("a \(key.typeName) cannot be a key")
            }
        }
        return .mapping(mapping)
    }

    private func number(
        _ expression: TemplateExpression
    ) throws(ChatTemplateError) -> TemplateValue {
        let value = try value(of: expression)
        switch value {
        case .integer, .number: return value
        case .boolean(let truth): return .integer(truth ? 1 : 0)
        default: throw failure("a \(value.typeName) has no sign")
        }
    }

    private func joined(_ parts: [TemplateExpression]) throws(ChatTemplateError) -> String {
        var joined = ""
        for part in parts {
            joined += try text(of: value(of: part))
            try spendText(joined.utf8.count)
        }
        return joined
    }

    private func comparison(
        _ first: TemplateExpression,
        _ operations: [(TemplateExpression.Comparison, TemplateExpression)], line: Int
    ) throws(ChatTemplateError) -> Bool {
        var left = try value(of: first)
        for (comparison, expression) in operations {
            let right = try value(of: expression)
            self.line = line
            guard try compare(left, comparison, right) else { return false }
            left = right
        }
        return true
    }

    // MARK: Parts of values

    private func attribute(
        _ name: String, of base: TemplateValue, line: Int
    ) throws(ChatTemplateError) -> TemplateValue {
        self.line = line
        switch base {
        case .undefined(let reason):
            throw failure("\(reason), so it has no attribute \(name.quoted)")
        case .namespace(let namespace):
            return namespace.members[name]
                ?? .undefined("the namespace has no attribute \(name.quoted)")
        case .loop(let state): return try attribute(name, of: state)
        default: break
        }
        // Python's attributes come first: a mapping's member `items` is reached by ['items'] only.
        if PythonMethods.has(name, base) { return .method(TemplateMethod(base, name)) }
        if case .mapping(let mapping) = base, let value = mapping[name] { return value }
        return .undefined("a \(base.typeName) has no attribute \(name.quoted)")
    }

    func item(
        _ key: TemplateValue, of base: TemplateValue
    ) throws(ChatTemplateError) -> TemplateValue {
        switch base {
        case .undefined(let reason): throw failure("\(reason), so it has no items")
        case .mapping(let mapping):
            if let hashed = MappingKey(key), let value = mapping[hashed] { return value }
        case .list(let values), .tuple(let values):
            if let index = key.wholeNumber {
                return element(index, of: values) ?? .undefined("a list has no item \(index)")
            }
        case .view(let view) where view.kind == .range:
            if let index = key.wholeNumber {
                return element(index, of: view.values) ?? .undefined("a range has no item \(index)")
            }
        case .text(let text), .markup(let text):
            if let index = key.wholeNumber {
                let scalars = Array(text.unicodeScalars)
                try spendText(text.utf8.count)
                return element(index, of: scalars).map { .text(String($0)) }
                    ?? .undefined("a string has no item \(index)")
            }
        default: break
        }
        guard case .text(let name) = key, !name.hasPrefix("__") else {
            return .undefined("a \(base.typeName) has no such item")
        }
        return try attribute(name, of: base, line: line)
    }

    private func element<Element>(_ index: Int, of values: [Element]) -> Element? {
        let position = index < 0 ? values.count + index : index
        return values.indices.contains(position) ? values[position] : nil
    }

    /// What a loop over the value runs through.
    func elements(of value: TemplateValue) throws(ChatTemplateError) -> [TemplateValue] {
        switch value {
        case .undefined: return []
        case .list(let values), .tuple(let values): return values
        case .mapping(let mapping): return mapping.keys
        case .view(let view): return view.values
        case .generator(let generator): return generator.takeAll()
        case .text(let text), .markup(let text):
            try spend(text.utf8.count)
            return text.unicodeScalars.map { .text(String($0)) }
        default: throw failure("a \(value.typeName) cannot be run through")
        }
    }

    private func slice(
        of base: TemplateExpression, _ bounds: [TemplateExpression?], line: Int
    ) throws(ChatTemplateError) -> TemplateValue {
        let base = try value(of: base)
        var numbers: [Int?] = []
        for bound in bounds {
            var number: Int?
            if let bound {
                let value = try value(of: bound)
                number = value.wholeNumber
                guard number != nil || value.typeName == "none" else {
                    throw failure("a \(value.typeName) cannot bound a slice")
                }
            }
            numbers.append(number)
        }
        self.line = line
        let step = numbers.count > 2 ? numbers[2] ?? 1 : 1
        guard step != 0 else { throw failure("the step of a slice is 0") }
        func pick<Element>(_ values: [Element]) -> [Element] {
            SliceIndices(start: numbers[0], end: numbers[1], step: step, count: values.count)
                .indices.map { values[$0] }
        }
        switch base {
        case .undefined(let reason): throw failure("\(reason), so it has no slices")
        case .text(let text), .markup(let text):
            try spendText(text.utf8.count)
            return .text(String(String.UnicodeScalarView(pick(Array(text.unicodeScalars)))))
        case .list(let values):
            try spend(values.count)
            return .list(pick(values))
        case .tuple(let values): return .tuple(pick(values))
        case .view(let view) where view.kind == .range: throw unsupported("a slice of a range")
        default: throw failure("a \(base.typeName) has no slices")
        }
    }
}

/// The indices of a Python slice.
struct SliceIndices {
    let indices: [Int]

    /// - Precondition: `step` is not 0.
    init(start: Int?, end: Int?, step: Int, count: Int) {
        func bounded(_ index: Int?, _ standard: Int, _ range: ClosedRange<Int>) -> Int {
            guard let index else { return standard }
            let position = index < 0 ? index &+ count : index
            return min(max(position, range.lowerBound), range.upperBound)
        }
        // A step beyond the count picks one element at most; nor may adding it overflow.
        let step = min(max(step, -count - 1), count + 1)
        if step > 0 {
            indices = Array(
                stride(
                    from: bounded(start, 0, 0...count), to: bounded(end, count, 0...count),
                    by: step))
        } else {
            indices = Array(
                stride(
                    from: bounded(start, count - 1, -1...(count - 1)),
                    to: bounded(end, -1, -1...(count - 1)), by: step))
        }
    }
}

extension Rendering {
    // MARK: Arithmetic

    /// - Parameter isSign: Whether `left` is the 0 of a sign: −0.0 must not become 0.0.
    func arithmetic(
        _ operation: TemplateExpression.Arithmetic, _ left: TemplateValue, _ right: TemplateValue,
        isSign: Bool = false
    ) throws(ChatTemplateError) -> TemplateValue {
        if isSign, case .number(let value) = right { return .number(-value) }
        for case .undefined(let reason) in [left, right] {
            throw failure("\(reason), so '\(operation.rawValue)' cannot be applied to it")
        }
        if let left = left.wholeNumber, let right = right.wholeNumber {
            return try whole(operation, left, right)
        }
        if let left = left.anyNumber, let right = right.anyNumber {
            return try fractional(operation, left, right)
        }
        if operation == .add, let sum = try concatenation(left, right) { return sum }
        if operation == .multiply {
            if let count = right.wholeNumber, let product = try repeated(left, count) {
                return product
            }
            if let count = left.wholeNumber, let product = try repeated(right, count) {
                return product
            }
        }
        if operation == .remainder, left.string != nil {
            throw unsupported("formatting by '%'")
        }
        throw failure(
            "'\(operation.rawValue)' cannot be applied to a \(left.typeName) and a "
                + right.typeName)
    }

    private func whole(
        _ operation: TemplateExpression.Arithmetic, _ left: Int, _ right: Int
    ) throws(ChatTemplateError) -> TemplateValue {
        let (result, overflow): (Int, Bool)
        switch operation {
        case .add: (result, overflow) = left.addingReportingOverflow(right)
        case .subtract: (result, overflow) = left.subtractingReportingOverflow(right)
        case .multiply: (result, overflow) = left.multipliedReportingOverflow(by: right)
        case .divide:
            guard right != 0 else { throw failure("a number is divided by 0") }
            return .number(Double(left) / Double(right))
        case .floorDivide, .remainder:
            guard right != 0 else { throw failure("a number is divided by 0") }
            guard right != -1 else {
                return operation == .remainder
                    ? .integer(0) : try whole(.subtract, 0, left)
            }
            // Python rounds towards minus infinity; the remainder has the divisor's sign.
            let (quotient, remainder) = left.quotientAndRemainder(dividingBy: right)
            let isOff = remainder != 0 && (remainder < 0) != (right < 0)
            return .integer(
                operation == .floorDivide
                    ? quotient - (isOff ? 1 : 0) : remainder + (isOff ? right : 0))
        case .power: return try power(left, right)
        }
        guard !overflow else { throw failure("a whole number does not fit 64 bits") }
        return .integer(result)
    }

    private func power(_ base: Int, _ exponent: Int) throws(ChatTemplateError) -> TemplateValue {
        guard exponent >= 0 else { throw unsupported("a negative exponent") }
        guard base.magnitude > 1 else {
            return .integer(base == -1 && exponent % 2 == 0 || exponent == 0 ? 1 : base)
        }
        guard exponent < 64 else { throw failure("a whole number does not fit 64 bits") }
        var power = TemplateValue.integer(1)
        for _ in 0..<exponent { power = try whole(.multiply, power.wholeNumber ?? 0, base) }
        return power
    }

    private func fractional(
        _ operation: TemplateExpression.Arithmetic, _ left: Double, _ right: Double
    ) throws(ChatTemplateError) -> TemplateValue {
        switch operation {
        case .add: return .number(left + right)
        case .subtract: return .number(left - right)
        case .multiply: return .number(left * right)
        case .divide:
            guard right != 0 else { throw failure("a number is divided by 0") }
            return .number(left / right)
        case .floorDivide, .remainder, .power:
            throw unsupported("'\(operation.rawValue)' of fractions")
        }
    }

    private func concatenation(
        _ left: TemplateValue, _ right: TemplateValue
    ) throws(ChatTemplateError) -> TemplateValue? {
        switch (left, right) {
        case (.text(let left), .text(let right)):
            try spendText(left.utf8.count + right.utf8.count)
            return .text(left + right)
        case (.markup(let left), .text(let right)):
            try spendText(left.utf8.count + 6 * right.utf8.count)
            return .markup(left + right.escapedForHTML)
        case (.text(let left), .markup(let right)):
            try spendText(6 * left.utf8.count + right.utf8.count)
            return .markup(left.escapedForHTML + right)
        case (.markup(let left), .markup(let right)):
            try spendText(left.utf8.count + right.utf8.count)
            return .markup(left + right)
        case (.list(let left), .list(let right)):
            try spend(left.count + right.count)
            return .list(left + right)
        case (.tuple(let left), .tuple(let right)):
            try spend(left.count + right.count)
            return .tuple(left + right)
        default: return nil
        }
    }

    private func repeated(
        _ value: TemplateValue, _ count: Int
    ) throws(ChatTemplateError) -> TemplateValue? {
        let count = max(count, 0)
        switch value {
        case .text(let text):
            let (bytes, overflow) = text.utf8.count.multipliedReportingOverflow(by: count)
            try spendText(overflow ? .max : bytes)
            return .text(String(repeating: text, count: text.isEmpty ? 0 : count))
        case .list(let values):
            let (length, overflow) = values.count.multipliedReportingOverflow(by: count)
            guard !overflow, length <= Self.mostWork else {
                throw failure("a list becomes too long")
            }
            try spend(length)
            guard !values.isEmpty else { return .list([]) }
            return .list(Array(repeatElement(values, count: count).joined()))
        default: return nil
        }
    }

    // MARK: Comparison

    func compare(
        _ left: TemplateValue, _ comparison: TemplateExpression.Comparison, _ right: TemplateValue
    ) throws(ChatTemplateError) -> Bool {
        switch comparison {
        case .equal: return try isEqual(left, right)
        case .unequal: return try !isEqual(left, right)
        case .isIn: return try contains(right, left)
        case .isNotIn: return try !contains(right, left)
        case .less: return try isLess(left, right)
        case .greater: return try isLess(right, left)
        case .lessOrEqual, .greaterOrEqual:
            let (low, high) = comparison == .lessOrEqual ? (left, right) : (right, left)
            if try isLess(low, high) { return true }
            return try isEqual(low, high)
        }
    }

    func isEqual(
        _ left: TemplateValue, _ right: TemplateValue
    ) throws(ChatTemplateError) -> Bool {
        if let left = left.wholeNumber, let right = right.wholeNumber { return left == right }
        if let left = left.anyNumber, let right = right.anyNumber { return left == right }
        if let left = left.string, let right = right.string {
            try spend(min(left.utf8.count, right.utf8.count) / 8)
            return ExactText(left) == ExactText(right)
        }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            return try areEqual(left, right)
        case (.mapping(let left), .mapping(let right)):
            guard left.keys.count == right.keys.count else { return false }
            for member in left.members {
                guard let key = MappingKey(member.key), let other = right[key],
                    try nested({ () throws(ChatTemplateError) in
                        try isEqual(member.value, other)
                    })
                else { return false }
            }
            return true
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.macro(let left), .macro(let right)): return left === right
        default: return false
        }
    }

    private func areEqual(
        _ left: [TemplateValue], _ right: [TemplateValue]
    ) throws(ChatTemplateError) -> Bool {
        guard left.count == right.count else { return false }
        for (left, right) in zip(left, right) {
            let isEqual = try nested { () throws(ChatTemplateError) in
                try self.isEqual(left, right)
            }
            guard isEqual else { return false }
        }
        return true
    }

    func isLess(
        _ left: TemplateValue, _ right: TemplateValue
    ) throws(ChatTemplateError) -> Bool {
        try spend(1)
        if let left = left.wholeNumber, let right = right.wholeNumber { return left < right }
        if let left = left.anyNumber, let right = right.anyNumber { return left < right }
        if let left = left.string, let right = right.string {
            // The order of UTF-8 bytes is that of code points.
            try spend(min(left.utf8.count, right.utf8.count) / 8)
            return left.utf8.lexicographicallyPrecedes(right.utf8)
        }
        switch (left, right) {
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (left, right) in zip(left, right) where try !isEqual(left, right) {
                return try nested { () throws(ChatTemplateError) in try isLess(left, right) }
            }
            return left.count < right.count
        case (.undefined(let reason), _), (_, .undefined(let reason)):
            throw failure("\(reason), so it cannot be compared")
        default:
            throw failure("a \(left.typeName) and a \(right.typeName) have no order")
        }
    }

    /// `value in container`.
    func contains(
        _ container: TemplateValue, _ value: TemplateValue
    ) throws(ChatTemplateError) -> Bool {
        switch container {
        case .text(let text), .markup(let text):
            guard let part = value.string else {
                throw failure("a \(value.typeName) cannot be in a string")
            }
            try spendText(text.utf8.count)
            return text.containsExactly(part)
        case .mapping(let mapping):
            guard let key = MappingKey(value) else {
                throw failure("a \(value.typeName) cannot be a key")
            }
            return mapping[key] != nil
        default:
            for element in try elements(of: container) where try isEqual(element, value) {
                return true
            }
            return false
        }
    }
}

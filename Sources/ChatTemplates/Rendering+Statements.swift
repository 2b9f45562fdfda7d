import Words

extension Rendering {
    /// How a statement ended.
    enum Outcome {
        case done
        case leaveLoop
        case nextRound
    }

    @discardableResult
    func run(_ statements: [TemplateStatement]) throws(ChatTemplateError) -> Outcome {
        for statement in statements {
            let outcome = try nested { () throws(ChatTemplateError) in try run(statement) }
            if outcome != .done { return outcome }
        }
        return .done
    }

    private func run(_ statement: TemplateStatement) throws(ChatTemplateError) -> Outcome {
        line = statement.line
        switch statement.kind {
        case .data(let text): try write(text)
        case .output(let expression):
            let value = try value(of: expression)
            line = statement.line
            try write(try text(of: value))
        case .choice(let branches, let otherwise):
            for branch in branches where try value(of: branch.condition).isTrue {
                return try run(branch.body)
            }
            return try run(otherwise)
        case .loop(let loop): try run(loop, line: statement.line)
        case .set(let target, let expression):
            let value = try value(of: expression)
            line = statement.line
            try assign(target, value)
        case .setBlock(let target, let filter, let body):
            var value = TemplateValue.text(try capturedText(body))
            if let filter { value = try self.value(of: filter, input: value) }
            try assign(target, value)
        case .filterBlock(let filter, let body):
            let text = TemplateValue.text(try capturedText(body))
            try write(try self.text(of: value(of: filter, input: text)))
        case .macro(let macro):
            scope.values[macro.name] = .macro(BoundMacro(macro, in: scope))
        case .with(let values, let body): return try run(values, around: body)
        case .generation(let body):
            try noted { () throws(ChatTemplateError) in
                try scoped { () throws(ChatTemplateError) in _ = try run(body) }
            }
        case .leaveLoop: return .leaveLoop
        case .nextRound: return .nextRound
        }
        return .done
    }

    private func capturedText(_ body: [TemplateStatement]) throws(ChatTemplateError) -> String {
        try captured { () throws(ChatTemplateError) in
            try scoped { () throws(ChatTemplateError) in _ = try run(body) }
        }
    }

    private func run(
        _ values: [(TemplateTarget, TemplateExpression)], around body: [TemplateStatement]
    ) throws(ChatTemplateError) -> Outcome {
        // All values are computed before the first name is set.
        var computed: [TemplateValue] = []
        for (_, expression) in values { computed.append(try value(of: expression)) }
        return try scoped { () throws(ChatTemplateError) in
            for (index, value) in computed.enumerated() { try assign(values[index].0, value) }
            return try run(body)
        }
    }

    // MARK: Loops

    private func run(_ loop: TemplateLoop, line: Int) throws(ChatTemplateError) {
        let sequence = try value(of: loop.sequence)
        self.line = line
        let state = LoopState(loop, values: try elements(of: sequence), scope: scope)
        var isEmpty = true
        while let value = try next(of: state) {
            isEmpty = false
            let outcome = try scoped { () throws(ChatTemplateError) in
                scope.values["loop"] = .loop(state)
                try assign(loop.target, value)
                return try run(loop.body)
            }
            if outcome == .leaveLoop { break }
        }
        if isEmpty {
            try scoped { () throws(ChatTemplateError) in _ = try run(loop.otherwise) }
        }
    }

    /// Moves the loop on.
    private func next(of state: LoopState) throws(ChatTemplateError) -> TemplateValue? {
        try spend(1)
        guard let value = try following(of: state) else { return nil }
        state.previous = state.index >= 0 ? state.current : nil
        state.current = value
        state.following = nil
        state.index += 1
        return value
    }

    /// The next value that the loop's condition admits. It is looked for as late as in Jinja2:
    /// the condition may read what the body sets.
    func following(of state: LoopState) throws(ChatTemplateError) -> TemplateValue? {
        if let following = state.following { return following }
        while let value = state.takeNext() {
            guard try isAdmitted(value, by: state) else { continue }
            state.following = value
            return value
        }
        return nil
    }

    private func isAdmitted(
        _ value: TemplateValue, by state: LoopState
    ) throws(ChatTemplateError) -> Bool {
        guard let condition = state.loop.condition, !state.isSettled else { return true }
        return try scoped(in: state.scope) { () throws(ChatTemplateError) in
            try assign(state.loop.target, value)
            return try self.value(of: condition).isTrue
        }
    }

    /// How many rounds the loop has; looks at all that are to come.
    private func length(of state: LoopState) throws(ChatTemplateError) -> Int {
        var admitted: [TemplateValue] = state.following.map { [$0] } ?? []
        while let value = state.takeNext() {
            if try isAdmitted(value, by: state) { admitted.append(value) }
        }
        state.putBack(admitted)
        return state.index + 1 + admitted.count
    }

    /// `loop.name`, in the loop's body.
    func attribute(
        _ name: String, of state: LoopState
    ) throws(ChatTemplateError) -> TemplateValue {
        switch name {
        case "index": return .integer(state.index + 1)
        case "index0": return .integer(state.index)
        case "first": return .boolean(state.index == 0)
        case "last": return .boolean(try following(of: state) == nil)
        case "length": return .integer(try length(of: state))
        case "revindex": return .integer(try length(of: state) - state.index)
        case "revindex0": return .integer(try length(of: state) - state.index - 1)
        case "depth": return .integer(1)
        case "depth0": return .integer(0)
        case "previtem": return state.previous ?? .undefined("there is no previous item")
        case "nextitem":
            return try following(of: state) ?? .undefined("there is no next item")
        case "cycle", "changed": return .method(TemplateMethod(.loop(state), name))
        default: return .undefined("'loop' has no attribute \(name.quoted)")
        }
    }
}

/// Where a loop stands.
final class LoopState {
    let loop: TemplateLoop
    /// What the loop stands in.
    let scope: Scope
    private var rest: ArraySlice<TemplateValue>
    /// Whether only values are left that the condition has admitted.
    private(set) var isSettled = false
    /// From 0; −1 before the first round.
    var index = -1
    var current = TemplateValue.none
    var previous: TemplateValue?
    /// The next round's value, if it was looked at already.
    var following: TemplateValue?
    /// What `loop.changed()` was given last.
    var lastSeen: [TemplateValue]?

    init(_ loop: TemplateLoop, values: [TemplateValue], scope: Scope) {
        self.loop = loop
        self.scope = scope
        rest = values[...]
    }

    func takeNext() -> TemplateValue? { rest.popFirst() }

    func putBack(_ values: [TemplateValue]) {
        rest = values[...]
        following = nil
        isSettled = true
    }
}

import Words

/// The values that a call, a filter or a test was given.
struct CallArguments {
    var positional: [TemplateValue] = []
    var named: [(name: String, value: TemplateValue)] = []
}

/// The values of a function's parameters.
struct BoundArguments {
    private let values: [String: TemplateValue]

    /// - Throws: ``ChatTemplateError`` if there are more values than parameters, or a name that
    ///   none has.
    init(
        _ arguments: CallArguments, to parameters: [String], of function: String,
        in rendering: Rendering
    ) throws(ChatTemplateError) {
        guard arguments.positional.count <= parameters.count else {
            throw rendering.failure(
                "'\(function)' is given \(arguments.positional.count) arguments; "
                    + "it takes \(parameters.count)")
        }
        var values: [String: TemplateValue] = [:]
        for (parameter, value) in zip(parameters, arguments.positional) {
            values[parameter] = value
        }
        for (name, value) in arguments.named {
            guard parameters.contains(name), values.updateValue(value, forKey: name) == nil else {
                throw rendering.unsupported("the argument \(name.quoted) of '\(function)'")
            }
        }
        self.values = values
    }

    subscript(parameter: String) -> TemplateValue? { values[parameter] }
}

extension Rendering {
    func arguments(_ given: TemplateArguments) throws(ChatTemplateError) -> CallArguments {
        var arguments = CallArguments()
        for expression in given.positional {
            arguments.positional.append(try value(of: expression))
        }
        for (name, expression) in given.named {
            arguments.named.append((name, try value(of: expression)))
        }
        return arguments
    }

    /// The text of an argument that must be one.
    func string(_ value: TemplateValue, _ role: String) throws(ChatTemplateError) -> String {
        guard let text = value.string else {
            throw failure("\(role) must be a string, not a \(value.typeName)")
        }
        return text
    }

    func integer(_ value: TemplateValue, _ role: String) throws(ChatTemplateError) -> Int {
        guard let number = value.wholeNumber else {
            throw failure("\(role) must be a whole number, not a \(value.typeName)")
        }
        return number
    }
}

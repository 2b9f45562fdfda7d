/// An expression of a template.
struct TemplateExpression: Sendable {
    let kind: Kind
    /// From 1.
    let line: Int
    /// Levels of expressions in it, itself included: evaluation recurses so deep.
    let depth: Int

    indirect enum Kind: Sendable {
        case none
        case boolean(Bool)
        case integer(Int)
        case number(Double)
        case text(String)
        case name(String)
        case list([TemplateExpression])
        case tuple([TemplateExpression])
        case mapping([(key: TemplateExpression, value: TemplateExpression)])
        /// `base.name`
        case attribute(TemplateExpression, String)
        /// `base[key]`
        case item(TemplateExpression, TemplateExpression)
        /// `base[start:end:step]`
        case slice(TemplateExpression, [TemplateExpression?])
        case call(TemplateExpression, TemplateArguments)
        /// The input is `nil` in filter blocks, which are given their body.
        case filter(TemplateExpression?, String, TemplateArguments)
        case test(TemplateExpression, String, TemplateArguments, isNegated: Bool)
        case arithmetic(Arithmetic, TemplateExpression, TemplateExpression)
        case negated(TemplateExpression)
        case positive(TemplateExpression)
        /// `a ~ b ~ c`
        case joined([TemplateExpression])
        case not(TemplateExpression)
        case and(TemplateExpression, TemplateExpression)
        case or(TemplateExpression, TemplateExpression)
        /// `a < b <= c`
        case comparison(TemplateExpression, [(Comparison, TemplateExpression)])
        /// `value if condition else other`
        case choice(TemplateExpression, if: TemplateExpression, else: TemplateExpression?)
    }

    enum Arithmetic: String, Sendable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case floorDivide = "//"
        case remainder = "%"
        case power = "**"
    }

    enum Comparison: String, Sendable {
        case equal = "=="
        case unequal = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case isIn = "in"
        case isNotIn = "not in"
    }
}

/// The arguments of a call, a filter or a test.
struct TemplateArguments: Sendable {
    var positional: [TemplateExpression] = []
    var named: [(name: String, value: TemplateExpression)] = []

    var expressions: [TemplateExpression] { positional + named.map(\.value) }
}

/// What an assignment or a loop gives values to.
indirect enum TemplateTarget: Sendable {
    case name(String)
    /// `namespace.attribute`
    case attribute(namespace: String, String)
    case tuple([TemplateTarget])
}

/// A macro's parameter.
struct TemplateParameter: Sendable {
    let name: String
    let standard: TemplateExpression?
}

/// A macro as it is written.
struct TemplateMacro: Sendable {
    let name: String
    let parameters: [TemplateParameter]
    let body: [TemplateStatement]
    /// Whether the body asks for arguments that have no parameter.
    let takesMorePositional: Bool
    let takesMoreNamed: Bool
}

/// A loop as it is written.
struct TemplateLoop: Sendable {
    let target: TemplateTarget
    let sequence: TemplateExpression
    let condition: TemplateExpression?
    let body: [TemplateStatement]
    let otherwise: [TemplateStatement]
}

/// A statement of a template.
struct TemplateStatement: Sendable {
    let kind: Kind
    /// From 1.
    let line: Int

    indirect enum Kind: Sendable {
        case data(String)
        case output(TemplateExpression)
        case choice(
            [(condition: TemplateExpression, body: [TemplateStatement])],
            otherwise: [TemplateStatement])
        case loop(TemplateLoop)
        case set(TemplateTarget, TemplateExpression)
        /// The filter, if there is one, has no input of its own.
        case setBlock(TemplateTarget, filter: TemplateExpression?, [TemplateStatement])
        case filterBlock(TemplateExpression, [TemplateStatement])
        case macro(TemplateMacro)
        case with([(TemplateTarget, TemplateExpression)], [TemplateStatement])
        case generation([TemplateStatement])
        case leaveLoop
        case nextRound
    }
}

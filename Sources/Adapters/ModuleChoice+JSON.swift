import JSON

extension ModuleChoice {
    /// Reads what restricts the targets from the members of `adapter_config.json`.
    ///
    /// - Throws: ``AdapterError`` naming the file and the key.
    mutating func read(_ fields: JSONObject, _ path: String) throws(AdapterError) {
        switch fields["exclude_modules"] {
        case nil, .null, .array([]), .text(""): break
        case let value?:
            guard let names = TargetModules(json: value), names != .allLinear else {
                throw AdapterError(path, "exclude_modules must be a list of names or a pattern")
            }
            excluded = names
        }
        layers = try Self.layers(fields["layers_to_transform"], path)
        layersNames = try Self.names(fields["layers_pattern"], path)
        if case .names = targets { return }
        guard layers == nil, layersNames.isEmpty else {
            throw AdapterError(
                path,
                "layers_to_transform needs a list of names as target_modules, not "
                    + "'\(targets.description)'", hint: "PEFT refuses it too")
        }
    }

    private static func layers(
        _ value: JSONValue?, _ path: String
    ) throws(AdapterError) -> [Int]? {
        let values: [JSONValue]
        switch value {
        case nil, .null, .array([]): return nil
        case .array(let list)?: values = list
        case let single?: values = [single]
        }
        let numbers = values.compactMap {
            $0.integer
        }
        guard numbers.count == values.count else {
            throw AdapterError(path, "layers_to_transform must be a number or a list of numbers")
        }
        return numbers
    }

    private static func names(
        _ value: JSONValue?, _ path: String
    ) throws(AdapterError) -> [String] {
        switch value {
        case nil, .null, .array([]), .text(""): return []
        case .text(let name)?: return [name]
        default: break
        }
        guard case .names(let names)? = TargetModules(json: value) else {
            throw AdapterError(path, "layers_pattern must be a name or a list of names")
        }
        return names
    }

    /// Members of `adapter_config.json` beside `target_modules`; none where all layers are meant.
    var restrictions: JSONObject {
        var members = JSONObject()
        if let excluded { members["exclude_modules"] = excluded.json }
        if let layers { members.set("layers_to_transform", layers) }
        if !layersNames.isEmpty {
            members["layers_pattern"] = TargetModules.names(layersNames).json
        }
        return members
    }
}

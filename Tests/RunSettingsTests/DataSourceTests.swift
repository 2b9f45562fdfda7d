import RunSettings
import Testing

@Suite struct DataSourceTests {
    @Test func pathsAndWeights() throws {
        let sources = try DataSource.list("a.jsonl=2, b=c.jsonl ,d=0.5")
        #expect(sources.map(\.path) == ["a.jsonl", "b=c.jsonl", "d"])
        #expect(sources.map(\.weight) == [2, 1, 0.5])
    }

    @Test(arguments: [
        ("a,,b", "empty path"), ("a=0", "weight 0"), ("a=-1", "weight -1"), ("a,a=2", "a twice"),
        ("=2", "empty path"), ("a=1e9", "weight 1e9"), ("a=nan", "weight nan"),
    ])
    func impossibleOnesAreNamed(_ text: String, _ words: String) {
        let fault = #expect(throws: ConfigurationError.self) { try DataSource.list(text) }
        #expect("\(fault, default: "")".hasPrefix("--data: "))
        #expect("\(fault, default: "")".contains(words))
    }
}

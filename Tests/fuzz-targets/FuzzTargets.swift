import Foundation

#if LIBFUZZER
    /// Called by libFuzzer with each input; the environment names the target.
    private let chosen: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            fatalError("FUZZ_TARGET is '\(name)'")
        }
        return target
    }()

    private typealias OneInput = @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

    /// https://llvm.org/docs/LibFuzzer.html#using-libfuzzer-as-a-library
    @_silgen_name("LLVMFuzzerRunDriver")
    private func runDriver(
        _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<Arguments>,
        _ oneInput: OneInput
    ) -> Int32

    /// The name under which SwiftPM links a program's `main`.
    @_cdecl("fuzz_targets_main")
    public func fuzzMain(
        _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    ) -> Int32 {
        var (count, arguments) = (count, arguments)
        return runDriver(&count, &arguments) { start, count in
            _ = chosen.run([UInt8](UnsafeBufferPointer(start: start, count: count)))
            return 0
        }
    }
#else
    /// A short pass that is the same every time: each file of a corpus as it is, then changes of it.
    ///
    /// `fuzz-targets TARGET SEED ROUNDS KEEP FILE…` writes each input to the file KEEP first: after a
    /// crash it is the culprit. An input that takes longer than 20 seconds ends the program by SIGALRM.
    @main
    struct FuzzTargets {
        static func main() throws {
            let arguments = Array(CommandLine.arguments.dropFirst())
            guard arguments.count >= 5, let target = FuzzTarget(rawValue: arguments[0]),
                let seed = UInt64(arguments[1]), let rounds = Int(arguments[2])
            else {
                let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
                print("usage: fuzz-targets TARGET SEED ROUNDS KEEP FILE…\ntargets: \(names)")
                exit(64)
            }
            let corpus = try arguments[4...].map {
                [UInt8](try Data(contentsOf: URL(fileURLWithPath: $0)))
            }
            var mutator = Mutator(seed: seed)
            var accepted = 0
            for round in 0..<corpus.count + rounds {
                let original = corpus[round % corpus.count]
                let other = corpus[(round / corpus.count) % corpus.count]
                let input = round < corpus.count ? original : mutator.change(original, with: other)
                try Data(input).write(to: URL(fileURLWithPath: arguments[3]))
                alarm(20)
                let isGood = target.run(input)
                accepted += isGood ? 1 : 0
            }
            alarm(0)
            print("\(target.rawValue): \(corpus.count + rounds) inputs, \(accepted) accepted")
        }
    }
#endif

import Foundation
import Kernels
import ModelFiles
import Operations
import Slices
import TestSupport
import Testing
import Transformer

/// The list of products against what a lane really computes.
@Suite struct RealCallsTests {
    /// Every call of SGEMM is counted by a library that stands in for OpenBLAS and passes it on;
    /// there, attention and low-rank products arrive.
    @Test(.timeLimit(.minutes(10))) func attentionAndLowRankProductsAreThoseOfTheRun() throws {
        try Programs.withScratchFolder { scratch in
            let model = Programs.fixture("tiny-llama")
            try Self.counter.write(
                toFile: scratch + "/counter.c", atomically: true, encoding: .utf8)
            let compiled = try Programs.run(
                "clang",
                [
                    "-O1", "-shared", "-fPIC", "-o", scratch + "/libopenblas.so.0",
                    scratch + "/counter.c", "-ldl",
                ])
            try #require(compiled.exitCode == 0, "\(compiled.errors)")
            for recompute in ["off", "on"] {
                let flags = [
                    "--model", model, "--data", model + "/train.jsonl", "--targets",
                    "q_proj,v_proj,down_proj", "--batch-size", "8", "--recompute", recompute,
                ]
                // The first two steps are computed twice; one more step makes the difference.
                let counted = try (3...4).map { steps in
                    try operations(of: flags + ["--steps", "\(steps)"], scratch)
                }
                let listed = try Self.listed(flags: flags)
                #expect(listed > 0)
                #expect(counted[1] - counted[0] == listed, "recompute \(recompute)")
            }
        }
    }

    /// Operations of SGEMM in a whole run of `lora-worker`.
    private func operations(of flags: [String], _ scratch: String) throws -> Double {
        let (run, count) = (scratch + "/run-" + UUID().uuidString, scratch + "/count")
        let outcome = try Programs.run(
            "env",
            [
                "LD_LIBRARY_PATH=\(scratch):"
                    + (Programs.environment["LD_LIBRARY_PATH"] ?? ""),
                "COUNT_FILE=\(count)", Programs.folder + "/lora-worker",
            ] + flags + ["--order", "sequential", "--threads", "1", "--out", run])
        try #require(outcome.exitCode == 0, "\(outcome.errors)")
        return try #require(Double(try String(contentsOfFile: count, encoding: .utf8)))
    }

    private static func listed(flags: [String]) throws -> Double {
        var settings: [String: String] = [:]
        for index in stride(from: 0, to: flags.count, by: 2) {
            settings[String(flags[index].dropFirst(2))] = flags[index + 1]
        }
        settings["order"] = "sequential"
        return try StepProducts.ofStep(4, settings: settings).reduce(0) {
            $0 + $1.operations(.attention) + $1.operations(.lowRank)
        }
    }

    private static let counter = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdio.h>
        #include <stdlib.h>
        static void *real(const char *name) {
            static void *library;
            if (!library) library = dlopen("/usr/lib/x86_64-linux-gnu/libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
            return library ? dlsym(library, name) : NULL;
        }
        static double total;
        static void __attribute__((destructor)) finish(void) {
            FILE *file = getenv("COUNT_FILE") ? fopen(getenv("COUNT_FILE"), "w") : NULL;
            if (file) { fprintf(file, "%.0f", total); fclose(file); }
        }
        void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                         int lda, const float *b, int ldb, float beta, float *c, int ldc) {
            static void (*next)(int, int, int, int, int, int, float, const float *, int,
                                const float *, int, float, float *, int);
            if (!next) *(void **)&next = real("cblas_sgemm");
            total += 2.0 * m * n * k;
            next(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        }
        char *openblas_get_corename(void) { return ((char *(*)(void))real("openblas_get_corename"))(); }
        char *openblas_get_config(void) { return ((char *(*)(void))real("openblas_get_config"))(); }
        void openblas_set_num_threads(int n) { ((void (*)(int))real("openblas_set_num_threads"))(n); }
        """
}

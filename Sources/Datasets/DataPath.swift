import Foundation

/// What to do about a path of `--data` that is no file of records.
enum DataPath {
    /// For a path where nothing is.
    static func absentHint(_ path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if path.contains("://") {
            return "Addresses are not fetched: download the file first, as with curl -LO"
        }
        if path.hasPrefix("~") {
            return "~ is not the home folder here: write the path in full"
        }
        if path.contains(where: { "*?[".contains($0) }) {
            return "Wildcards are not filled in here: name each file, as in a.jsonl,b.jsonl"
        }
        // A name on the Hugging Face Hub: one slash, and no ending of a file.
        if path.split(separator: "/", omittingEmptySubsequences: false).count == 2,
            !path.hasPrefix("/"), !path.hasPrefix("."), !name.contains(".")
        {
            return "Data sets are not fetched by name: hf download --repo-type dataset \(path) "
                + "--local-dir FOLDER, and then name its file; it must exist on every node"
        }
        return "Check the path; it must exist on every node"
    }

    /// For a folder.
    static func folderHint(_ path: String) -> String {
        let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
        if names.contains("dataset_dict.json") {
            return
                "Write each part that datasets' save_to_disk made: python3 -c \"import datasets, "
                + "sys; datasets.load_from_disk(sys.argv[1])['train'].to_json(sys.argv[2])\" "
                + "\(folder) \(folder).jsonl"
        }
        if names.contains("dataset_info.json"), names.contains("state.json") {
            return "Write what datasets' save_to_disk made: python3 -c \"import datasets, sys; "
                + "datasets.load_from_disk(sys.argv[1]).to_json(sys.argv[2])\" \(folder) "
                + "\(folder).jsonl"
        }
        let endings = [".jsonl", ".json", ".jsonl.gz", ".json.gz", ".jsonl.zst", ".json.zst"]
        let usable = names.filter { name in endings.contains { name.hasSuffix($0) } }
        guard !usable.isEmpty else { return "Name one of the files in it" }
        let shown = usable.prefix(4).map { "\(folder)/\($0)" }.joined(separator: ",")
        return "Name the files in it: \(shown)" + (usable.count > 4 ? ",…" : "")
    }

    /// The command that unpacks a file, and the path that it then has.
    static func unpacking(
        _ path: String, _ packing: DecompressedStream.Packing
    ) -> (command: String, path: String) {
        let ending = packing == .gzip ? ".gz" : ".zst"
        let unpacked =
            path.hasSuffix(ending)
            ? String(path.dropLast(ending.count))
            : path.hasSuffix(".tgz") ? path.dropLast(4) + ".tar" : path + ".unpacked"
        let tool = packing == .gzip ? "gzip" : "zstd"
        return ("\(tool) -dc \(path) > \(unpacked)", unpacked)
    }
}

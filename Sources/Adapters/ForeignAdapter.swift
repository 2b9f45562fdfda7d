import Foundation

/// Adapters in other forms than PEFT's folder with safetensors: what they are, and what makes a PEFT
/// folder of them.
enum ForeignAdapter {
    /// What to say of `path`, which is not a PEFT folder with weights.
    static func error(_ path: String) -> AdapterError {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard exists, isFolder.boolValue else { return file(path, exists: exists) }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        if names.contains("adapter_model.bin") { return pickled(path) }
        let isMLX = names.contains("adapters.safetensors") || names.contains("adapters.npz")
        if names.contains(PEFTAdapter.configurationName) {
            return isMLX
                ? mlx(path)
                : AdapterError(
                    path,
                    "has \(PEFTAdapter.configurationName), but no "
                        + PEFTAdapter.weightsName,
                    hint: "Both must lie in one folder; fetch the adapter again")
        }
        if isMLX { return mlx(path) }
        if names.contains("checkpoints") {
            return AdapterError(
                path, "is a run without a finished adapter",
                hint: "Give one of its checkpoints: \(path)/checkpoints/step-…")
        }
        if let gguf = names.sorted().first(where: { $0.hasSuffix(".gguf") }) {
            return self.gguf(path + "/" + gguf)
        }
        return AdapterError(
            path, "holds no adapter: there is no \(PEFTAdapter.configurationName)",
            hint: "Give a PEFT folder, a checkpoint's folder or the folder of a finished run")
    }

    private static func file(_ path: String, exists: Bool) -> AdapterError {
        guard exists else {
            return AdapterError(
                path, "does not exist",
                hint: "Give a PEFT folder, a checkpoint's folder or the folder of a finished run")
        }
        if path.hasSuffix(".gguf") { return gguf(path) }
        return AdapterError(
            path, "is a file, not the folder of an adapter",
            hint: "Give the folder that holds \(PEFTAdapter.configurationName) and "
                + PEFTAdapter.weightsName)
    }

    /// A folder of MLX's `mlx_lm.lora`.
    ///
    /// Source: mlx-lm, `tuner/lora.py`: `y + scale · (x · lora_a) · lora_b`.
    static func mlx(_ path: String) -> AdapterError {
        AdapterError(
            path, "is an adapter of MLX, not of PEFT",
            hint: "Write its lora_a and lora_b, both transposed, as base_model.model.NAME."
                + "lora_A.weight and lora_B.weight into \(PEFTAdapter.weightsName), and r = rank, "
                + "lora_alpha = scale · rank and target_modules into "
                + PEFTAdapter.configurationName)
    }

    private static func gguf(_ path: String) -> AdapterError {
        AdapterError(
            path, "is an adapter in a GGUF file, which is not read",
            hint: "Give the PEFT folder that convert_lora_to_gguf.py made it from")
    }

    private static func pickled(_ folder: String) -> AdapterError {
        AdapterError(
            folder, "has its weights pickled in adapter_model.bin, which is never read",
            hint: "Convert them: cd '\(folder)' && python3 -c \"import torch; from "
                + "safetensors.torch import save_file; save_file({k: v.clone().contiguous() for k, "
                + "v in torch.load('adapter_model.bin', map_location='cpu', weights_only=True)"
                + ".items()}, '\(PEFTAdapter.weightsName)', metadata={'format': 'pt'})\"")
    }
}

"""What transformers and PEFT say about a sample, a batch and a few steps of training.

Shared by judges and makers of fixtures. Samples are computed one by one, without padding:
what a padding mask does to rounding is not the judge's business.
"""

import contextlib
import json

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from transformers import AutoModelForCausalLM, get_linear_schedule_with_warmup
from transformers.models.llama import modeling_llama

HEAD = "Below is an instruction that describes a task"
REQUEST = "Write a response that appropriately completes the request.\n\n"


def alpaca_prompt(row):
    """The prompt of an Alpaca row; its response follows without a separator."""
    if row.get("input"):
        return (
            f"{HEAD}, paired with an input that provides further context. {REQUEST}"
            f"### Instruction:\n{row['instruction']}\n\n"
            f"### Input:\n{row['input']}\n\n### Response:\n"
        )
    return f"{HEAD}. {REQUEST}### Instruction:\n{row['instruction']}\n\n### Response:\n"


def read_rows(path):
    """The rows of a JSONL file."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def samples(tokenizer, rows, eos, max_length):
    """(token ids, number of prompt tokens) of each row that keeps a target within max_length."""
    kept = []
    for row in rows:
        prompt = tokenizer.encode(alpaca_prompt(row), add_special_tokens=True)
        response = tokenizer.encode(row["output"], add_special_tokens=False) + [eos]
        if len(prompt) < max_length:
            kept.append(((prompt + response)[:max_length], len(prompt)))
    return kept


def targets(sample):
    """How many tokens of a sample the loss counts; nothing predicts the first."""
    ids, prompt = sample
    return len(ids) - max(prompt, 1)


def summed_nll(model, sample):
    """Summed negative log-likelihood of a sample's targets, a tensor with its graph."""
    ids, prompt = sample
    tokens = torch.tensor([ids])
    logits = model(input_ids=tokens, use_cache=False).logits[0]
    first = max(prompt, 1)
    return torch.nn.functional.cross_entropy(
        logits[first - 1 : -1], tokens[0, first:], reduction="sum"
    )


def per_sample(model, batch):
    """Summed NLL of each sample, as floats."""
    with torch.no_grad():
        return [summed_nll(model, sample).item() for sample in batch]


def backward(model, batch):
    """Leaves the gradient of the loss of a global batch in the parameters, and returns the loss."""
    count = sum(targets(sample) for sample in batch)
    total = 0.0
    for sample in batch:
        loss = summed_nll(model, sample)
        (loss / count).backward()
        total += loss.item()
    return total / count


def adapter_tensors(model, gradients=False):
    """The adapter's tensors, or their gradients, under the names that PEFT gives them in a file."""
    if not gradients:
        return {k: v.detach().clone() for k, v in get_peft_model_state_dict(model).items()}
    return {
        name.replace(".default", ""): parameter.grad.detach().clone()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def train(model, data, settings):
    """AdamW steps over samples in file order; no batch crosses an epoch.

    Returns loss, gradient norm before clipping and learning rate of every step.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters,
        lr=settings["lr"],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["epsilon"],
        weight_decay=settings["weight_decay"],
    )
    steps = settings["steps"]
    if settings["schedule"] == "linear":
        schedule = get_linear_schedule_with_warmup(optimizer, settings["warmup_steps"], steps)
    else:
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    size = settings["batch_size"]
    batches = [data[start : start + size] for start in range(0, len(data), size)]
    records = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = backward(model, batches[step % len(batches)])
        norm = torch.nn.utils.clip_grad_norm_(parameters, settings["clip_norm"]).item()
        records.append(
            {"loss": loss, "gradient_norm": norm, "learning_rate": schedule.get_last_lr()[0]}
        )
        optimizer.step()
        schedule.step()
    return records


def randomise(model, generator):
    """Weights that give logits of some spread; norms and biases are random too."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1 and name.endswith("bias"):
                parameter.copy_(0.3 * noise)
            elif parameter.ndim == 1:
                # Gemma adds one to its weights.
                one = 0 if "gemma" in model.config.model_type else 1
                parameter.copy_(one + 0.2 * noise)
            elif any(part in name for part in ["embed", "wte", "wpe"]):
                parameter.copy_(0.4 * noise)
            else:
                inputs = parameter.shape[0 if model.config.model_type == "gpt2" else 1]
                parameter.copy_(1.3 * noise / inputs**0.5)
    return model


def make_adapter(folder, name, targets, generator, seed):
    """A PEFT folder; B is non-zero where a generator is given, else PEFT's own initialisation."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager")
    config = LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    if generator is not None:
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if "lora_B" in key:
                    parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    model.peft_config["default"].base_model_name_or_path = folder.name
    path = folder / name
    model.save_pretrained(path)
    (path / "README.md").unlink(missing_ok=True)
    # PEFT keeps target_modules as a set, whose order changes from run to run.
    saved = json.loads((path / "adapter_config.json").read_text())
    saved["target_modules"] = sorted(saved["target_modules"])
    (path / "adapter_config.json").write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")


def load(folder, adapter, dtype):
    """The base model, with an adapter to train where one is named.

    Attention is the eager one: others leave soft-capping out without a word.
    """
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager")
    if adapter:
        model = PeftModel.from_pretrained(model, folder / adapter, is_trainable=True)
    return model.to(dtype)


def compute(folder, adapters, runs, data, dtype):
    """Everything that the judge says at one precision: (numbers, tensors by file name)."""
    numbers = {"held_out_nll": {}, "batch": {}, "runs": {}}
    tensors = {}
    for adapter in [None, *adapters]:
        model = load(folder, adapter, dtype)
        numbers["held_out_nll"][adapter or "base"] = per_sample(model, data["held_out"])
        if adapter:
            batch = data["train"][:16]
            loss = backward(model, batch)
            numbers["batch"][adapter] = {"samples": len(batch), "loss": loss}
            tensors[f"gradients-{adapter}.safetensors"] = adapter_tensors(model, True)
    for name, settings in runs.items():
        model = load(folder, settings["initial_adapter"], dtype)
        numbers["runs"][name] = train(model, data["train"], settings)
        tensors[f"final-{name}.safetensors"] = adapter_tensors(model)
    return numbers, tensors


@contextlib.contextmanager
def float64_norms():
    """RMS normalisation in the dtype of its input; transformers rounds it to float32 always."""

    def forward(self, x):
        mean_square = x.pow(2).mean(-1, keepdim=True)
        return self.weight * (x * torch.rsqrt(mean_square + self.variance_epsilon))

    original = modeling_llama.LlamaRMSNorm.forward
    modeling_llama.LlamaRMSNorm.forward = forward
    try:
        yield
    finally:
        modeling_llama.LlamaRMSNorm.forward = original


def relative(value, reference):
    """Distance of two numbers, lists of numbers or tensors, relative to the second's norm."""
    value = torch.as_tensor(value, dtype=torch.float64)
    reference = torch.as_tensor(reference, dtype=torch.float64)
    norm = reference.norm().item()
    distance = (value - reference).norm().item()
    return distance / norm if norm > 0 else distance


def worst_tensor(values, references):
    """(largest relative distance, its name) over two dictionaries of tensors."""
    if set(values) != set(references):
        raise SystemExit(f"tensor names differ: {sorted(set(values) ^ set(references))[:4]}")
    return max((relative(values[name], references[name]), name) for name in references)

"""Checks that PEFT loads the adapters of a checkpoint, and that its base model
with them gives the log-probs of the checkpoint's merged model.

    pip install torch transformers peft safetensors
    python3 tests/model/golden/check_peft_loads.py \
        RUN/stages/NAME/checkpoints/step-N

The base model is the one that adapter_config.json names, else that of step-0.
"""
import json
import pathlib
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

TOLERANCE = 1e-4


def load(folder):
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager")


def logprobs(model, tokens):
    with torch.no_grad():
        logits = model.eval()(tokens).logits[:, :-1]
    return torch.log_softmax(logits.float(), -1).gather(
        -1, tokens[:, 1:, None])[..., 0]


def main():
    checkpoint = pathlib.Path(sys.argv[1])
    adapter = checkpoint / "adapter"
    base = json.loads((adapter / "adapter_config.json").read_text())[
        "base_model_name_or_path"]
    if not pathlib.Path(base).is_dir():
        base = checkpoint.parent / "step-0"
    merged = load(checkpoint)
    adapted = PeftModel.from_pretrained(load(base), adapter)
    torch.manual_seed(1)
    tokens = torch.randint(0, merged.config.vocab_size, (4, 100))
    want = logprobs(merged, tokens)
    worst = (logprobs(adapted, tokens) - want).abs().max().item()
    with adapted.disable_adapter():
        distance = (logprobs(adapted, tokens) - want).abs().max().item()
    print(f"{checkpoint}: largest difference {worst:.2e}; without adapters "
          f"{distance:.2e}")
    assert worst < TOLERANCE
    assert distance > 10 * worst, "the adapters change nothing"


if __name__ == "__main__":
    main()

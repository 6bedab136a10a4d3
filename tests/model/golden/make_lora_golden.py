"""Makes the committed adapters and the numbers that PEFT computes with them.

Run once, in a virtual environment outside the tree:

    pip install torch transformers peft safetensors
    python3 tests/model/golden/make_lora_golden.py

Writes adapters/NAME/ beside this file: PEFT's two files of random adapters of
models/NAME, and expected.safetensors {tokens, logprobs}.
"""
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
       "down_proj"]
CASES = {
    "llama_tied": LoraConfig(r=3, lora_alpha=5, target_modules=ALL),
    "qwen2": LoraConfig(r=4, lora_alpha=4, target_modules=["q_proj", "down_proj"]),
    "qwen3": LoraConfig(r=2, lora_alpha=7, target_modules=ALL),
}


def main():
    torch.manual_seed(1)
    for name, config in CASES.items():
        config.task_type = "CAUSAL_LM"
        model = get_peft_model(
            AutoModelForCausalLM.from_pretrained(
                HERE / "models" / name, attn_implementation="eager"), config)
        plain = model.get_base_model()
        with torch.no_grad():
            for key, value in model.named_parameters():
                if "lora_B" in key:
                    value.normal_(std=0.3)
        tokens = torch.randint(0, plain.config.vocab_size, (60,))

        def logprobs():
            with torch.no_grad():
                logits = model.eval()(tokens[None]).logits[0, :-1]
            return torch.log_softmax(logits, -1).gather(
                -1, tokens[1:, None])[:, 0]

        expected = logprobs()
        with model.disable_adapter():
            distance = (logprobs() - expected).abs().max().item()
        print(f"{name}: the adapters change a log-prob by up to {distance:.2f}")
        folder = HERE / "adapters" / name
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        path = folder / "adapter_config.json"
        settings = json.loads(path.read_text())
        settings["base_model_name_or_path"] = f"../../models/{name}"
        settings["target_modules"] = sorted(settings["target_modules"])
        path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
        save_file({"tokens": tokens.float(), "logprobs": expected},
                  folder / "expected.safetensors")


if __name__ == "__main__":
    main()

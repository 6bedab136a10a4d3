"""Checks that transformers loads what this project writes, with equal logits.

    pip install torch transformers tokenizers safetensors numpy
    python3 tests/model/golden/check_transformers_loads.py \
        BUILD/tests/model/golden_writer

golden_writer (a build target) writes one folder per model family, with random
weights, a tokenizer trained here, and the logits of this project's forward
pass; transformers reads the folders and computes them again.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file
from transformers import (AutoModelForCausalLM, AutoTokenizer,
                          PreTrainedTokenizerFast)

HERE = pathlib.Path(__file__).parent
TOLERANCE = 1e-4


def check(folder):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager", output_loading_info=True)
    problems = [k for k in ("missing_keys", "unexpected_keys",
                            "mismatched_keys") if info[k]]
    assert not problems, (folder.name, problems, info)
    assert model.dtype == torch.float32, model.dtype
    ours = load_file(folder / "logits.safetensors")
    tokens = ours["tokens"].long()
    with torch.no_grad():
        logits = model.eval()(tokens[None]).logits[0]
    worst = (logits - ours["logits"]).abs().max().item()
    spread = logits.std().item()
    print(f"{folder.name}: largest difference {worst:.2e} "
          f"(standard deviation of the logits {spread:.2f})")
    assert worst < TOLERANCE, folder.name
    assert model.generation_config.eos_token_id == 0

    # For model_type qwen2, AutoTokenizer of transformers 5 puts Qwen's own
    # splitter in the place of the file's, whatever the folder says.
    kind = (PreTrainedTokenizerFast if folder.name == "qwen2"
            else AutoTokenizer)
    tokenizer = kind.from_pretrained(folder)
    expected = json.loads((HERE / "tokenizers/ours.ids").read_text())["special"]
    for text, row in zip(json.loads((HERE / "texts.json").read_text()),
                         expected, strict=True):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids == row, (text, ids, row)
        assert tokenizer.decode(ids) == text, repr(text)
    assert tokenizer.eos_token_id == 0
    assert tokenizer("<|endoftext|>")["input_ids"] == [0]


def main():
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([sys.argv[1], "models", HERE / "corpus.txt", out],
                       check=True)
        folders = sorted(pathlib.Path(out).iterdir())
        assert len(folders) == 4, folders
        for folder in folders:
            check(folder)


if __name__ == "__main__":
    main()

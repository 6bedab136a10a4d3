"""Checks that transformers loads the reward models that this project writes,
as sequence classifiers of one label, with equal scores.

    pip install torch transformers tokenizers safetensors
    python3 tests/judge/golden/check_transformers_loads.py \
        BUILD/tests/judge/judge_writer

judge_writer (a build target) writes a folder per family with the scores of
some texts; transformers reads the folders and scores the texts one by one and
as one padded batch.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from transformers import (AutoModelForSequenceClassification,
                          PreTrainedTokenizerFast)

TOLERANCE = 1e-4


def check(folder):
    model, info = AutoModelForSequenceClassification.from_pretrained(
        folder, attn_implementation="eager", output_loading_info=True)
    problems = [k for k in ("missing_keys", "unexpected_keys",
                            "mismatched_keys") if info[k]]
    assert not problems, (folder.name, problems, info)
    assert model.config.num_labels == 1, model.config
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    rows = json.loads((folder / "scores.json").read_text())
    texts = [(f"{row['prompt']}\n\n" if row["prompt"] else "") + row["text"]
             + "\n" for row in rows]
    expected = torch.tensor([row["score"] for row in rows])
    with torch.no_grad():
        batch = model(**tokenizer(texts, padding=True,
                                  return_tensors="pt")).logits[:, 0]
        alone = torch.stack([model(**tokenizer(text, return_tensors="pt"))
                             .logits[0, 0] for text in texts])
    worst = max((batch - expected).abs().max().item(),
                (alone - expected).abs().max().item())
    print(f"{folder.name}: largest difference {worst:.2e} (standard deviation "
          f"of the scores {expected.std().item():.2f})")
    assert worst < TOLERANCE, folder.name


def main():
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([sys.argv[1], out], check=True)
        folders = sorted(pathlib.Path(out).iterdir())
        assert len(folders) == 3, folders
        for folder in folders:
            check(folder)


if __name__ == "__main__":
    main()

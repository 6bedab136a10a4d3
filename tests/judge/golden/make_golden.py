"""Makes the committed folders and scores that reward_model_test compares with.

What transformers computes for tiny random classifiers of one label. Run once,
in a virtual environment outside the tree:

    pip install torch transformers tokenizers safetensors numpy
    python3 tests/judge/golden/make_golden.py

Writes one folder per family beside this file, each as save_pretrained writes
it, with the tokenizer of tests/model/golden/models and scores.json: texts,
their tokens and their scores, alone and (padded) in one batch.
"""
import json
import pathlib
import shutil

import torch
from transformers import (AutoModelForSequenceClassification, LlamaConfig,
                          LlamaForSequenceClassification,
                          PreTrainedTokenizerFast, Qwen2Config,
                          Qwen2ForSequenceClassification, Qwen3Config,
                          Qwen3ForSequenceClassification)

HERE = pathlib.Path(__file__).parent
TOKENIZER = HERE.parents[1] / "model/golden/models/llama_tied/tokenizer.json"
END = "<|endoftext|>"
COMMON = dict(vocab_size=272, hidden_size=16, intermediate_size=24,
              num_hidden_layers=2, num_attention_heads=2,
              num_key_value_heads=1, bos_token_id=0, eos_token_id=0,
              pad_token_id=0, num_labels=1, max_position_embeddings=96)
FAMILIES = {
    "llama": (LlamaForSequenceClassification, LlamaConfig, {}),
    "qwen2": (Qwen2ForSequenceClassification, Qwen2Config, {}),
    "qwen3": (Qwen3ForSequenceClassification, Qwen3Config,
              dict(head_dim=12, tie_word_embeddings=True)),
}
ROWS = [("Why?", "Because the sky scatters blue light."), ("", "x"),
        ("2 + 2", "<think>two and two</think>\n\nfour, 四, \U0001f600"),
        ("Say it.", "a  b\n\tc")]


def make(name, seed):
    kind, config, more = FAMILIES[name]
    torch.manual_seed(seed)
    model = kind(config(**COMMON, **more)).eval()
    with torch.no_grad():
        for parameter, p in model.named_parameters():
            noise = torch.randn_like(p)
            p.copy_(1 + 0.2 * noise if parameter.endswith("norm.weight")
                    else 0.3 * noise)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(folder)
    shutil.copy(TOKENIZER, folder)
    return folder


def main():
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(TOKENIZER),
                                        eos_token=END, pad_token=END)
    texts = [(f"{prompt}\n\n" if prompt else "") + text + "\n"
             for prompt, text in ROWS]
    for seed, name in enumerate(FAMILIES):
        folder = make(name, seed)
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager").eval()
        rows = []
        with torch.no_grad():
            batch = model(**tokenizer(texts, padding=True,
                                      return_tensors="pt")).logits[:, 0]
            for (prompt, text), whole, padded in zip(ROWS, texts, batch,
                                                     strict=True):
                ids = tokenizer(whole)["input_ids"]
                score = model(torch.tensor([ids])).logits[0, 0].item()
                assert abs(score - padded.item()) < 1e-5, (name, text)
                rows.append(dict(prompt=prompt, text=text, tokens=ids,
                                 score=score))
        print(name, [round(row["score"], 4) for row in rows])
        (folder / "scores.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

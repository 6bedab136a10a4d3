"""Makes the committed numbers that the C++ tests compare with.

What Hugging Face's libraries compute for tiny random checkpoints and small
tokenizers. Run once, in a virtual environment outside the tree:

    pip install torch transformers tokenizers safetensors numpy
    python3 tests/model/golden/make_golden.py --ours BUILD/tests/model/golden_writer

--ours names the program that trains this project's own tokenizer, built by
the target golden_writer. Writes models/ and tokenizers/ beside this file.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

import numpy
import torch
from safetensors.torch import load_file, save_file
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models,
                        normalizers, pre_tokenizers, trainers)
from transformers import (AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM,
                          Qwen2Config, Qwen2ForCausalLM, Qwen3Config,
                          Qwen3ForCausalLM)

HERE = pathlib.Path(__file__).parent
VOCAB = 272
END = "<|endoftext|>"

# --- Tokenizers -------------------------------------------------------------

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
DEEPSEEK = [
    r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
    r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+",
]
# The pattern of GPT-4o: letters by case.
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
         r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_level(use_regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


STYLES = {
    "gpt2": (byte_level(True), False),
    "llama3": (pre_tokenizers.Sequence([split(LLAMA3), byte_level()]), False),
    "qwen2": (pre_tokenizers.Sequence([split(QWEN2), byte_level()]), True),
    "deepseek": (pre_tokenizers.Sequence(
        [split(p) for p in DEEPSEEK] + [byte_level()]), False),
    "digits": (pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), byte_level(True)]),
        False),
    "o200k": (pre_tokenizers.Sequence([split(O200K), byte_level()]), False),
    # Vocabularies that lack bytes, with an unknown token.
    "unknown": (byte_level(True), False),
    "fused_unknown": (byte_level(True), False),
}


def train(style, vocab_size):
    pre_tokenizer, is_nfc = STYLES[style]
    lacks_bytes = style.endswith("unknown")
    tokenizer = Tokenizer(models.BPE(
        ignore_merges=style == "llama3", unk_token=END if lacks_bytes else None,
        fuse_unk=style == "fused_unknown"))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if is_nfc:
        tokenizer.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END], show_progress=False,
        **(dict(limit_alphabet=60) if lacks_bytes else dict(
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet())))
    lines = (HERE / "corpus.txt").read_text().splitlines(keepends=True)
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.add_special_tokens(["<|end|>"])
    tokenizer.add_tokens([AddedToken("<think>", normalized=False),
                          AddedToken("</think>", normalized=False),
                          AddedToken("[TOOL]", normalized=True),
                          AddedToken("[TOOL_CALL]", normalized=True)])
    return tokenizer


def make_tokenizers(ours):
    folder = HERE / "tokenizers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    texts = json.loads((HERE / "texts.json").read_text())
    for style in STYLES:
        (folder / f"{style}.json").write_text(train(style, 420).to_str())
    (folder / "ours.json").write_bytes(ours)
    for path in sorted(folder.glob("*.json")):
        tokenizer = Tokenizer.from_file(str(path))
        rows = {}
        for name, plain in (("special", False), ("plain", True)):
            tokenizer.encode_special_tokens = plain
            rows[name] = [tokenizer.encode(t, add_special_tokens=False).ids
                          for t in texts]
        path.with_suffix(".ids").write_text(
            json.dumps(rows, separators=(",", ":")) + "\n")


# --- Models -----------------------------------------------------------------

COMMON = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=56,
              num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, bos_token_id=0, eos_token_id=0)


def random_model(kind, config, seed):
    """Weights of a size at which no part of the network is negligible."""
    torch.manual_seed(seed)
    model = kind(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("norm.weight"):
                p.copy_(1 + 0.2 * torch.randn_like(p))
            else:
                p.copy_(0.2 * torch.randn_like(p))
    return model


def save(model, name, dtype=torch.float32, shard="5GB"):
    folder = HERE / "models" / name
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    return folder


def write_logits(folder, out, lengths):
    """What the model in a folder computes for random tokens."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    rng = numpy.random.default_rng(5)
    tensors = {}
    for i, length in enumerate(lengths):
        tokens = torch.from_numpy(rng.integers(0, VOCAB, (1, length)))
        with torch.no_grad():
            logits = model(tokens).logits[0].float()
        rows = sorted({0, length // 3, length - 2, length - 1} - {-1})
        tensors[f"tokens.{i}"] = tokens[0].float()
        tensors[f"rows.{i}"] = torch.tensor(rows).float()
        tensors[f"logits.{i}"] = logits[rows].contiguous()
    save_file(tensors, out / "expected.safetensors")


def finish(name, tokenizer):
    """Adds a tokenizer and the logits of what lies on disk."""
    folder = HERE / "models" / name
    (folder / "tokenizer.json").write_text(tokenizer.to_str())
    write_logits(folder, folder, [1, 23, 90])


def make_models():
    shutil.rmtree(HERE / "models", ignore_errors=True)
    (HERE / "models").mkdir()
    tokenizer = train("gpt2", 262)  # 262 + 5 added tokens < VOCAB

    save(random_model(LlamaForCausalLM, LlamaConfig(
        **COMMON, max_position_embeddings=128, rms_norm_eps=1e-5,
        tie_word_embeddings=True), 1), "llama_tied")

    # As Llama 3.1 was published: untied, scaled RoPE, shards; and with the
    # older spelling of config.json.
    folder = save(random_model(LlamaForCausalLM, LlamaConfig(
        **COMMON, max_position_embeddings=256, rms_norm_eps=1e-5,
        rope_parameters=dict(
            rope_type="llama3", rope_theta=500000.0, factor=8.0,
            low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=32)), 2),
        "llama_scaled", shard="80KB")
    config = json.loads((folder / "config.json").read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope
    config["torch_dtype"] = config.pop("dtype")
    (folder / "config.json").write_text(json.dumps(config, indent=2))

    qwen2 = Qwen2Config(**COMMON, max_position_embeddings=128,
                        rms_norm_eps=1e-6, tie_word_embeddings=True,
                        rope_parameters=dict(rope_type="default",
                                             rope_theta=1000000.0))
    for name, dtype in (("qwen2", torch.float32),
                        ("qwen2_bf16", torch.bfloat16),
                        ("qwen2_fp16", torch.float16)):
        save(random_model(Qwen2ForCausalLM, qwen2, 3), name, dtype)

    save(random_model(Qwen3ForCausalLM, Qwen3Config(
        **COMMON, head_dim=12, max_position_embeddings=128, rms_norm_eps=1e-6,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0)), 4),
        "qwen3")

    # A tied model whose file holds the head all the same.
    folder = HERE / "models" / "llama_tied"
    path = folder / "model.safetensors"
    tensors = load_file(path)
    assert "lm_head.weight" not in tensors
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    save_file(tensors, path, metadata={"format": "pt"})

    for folder in sorted((HERE / "models").iterdir()):
        finish(folder.name, tokenizer)


# Rotary settings of config.json: each a folder under ropes/ with that config and
# the logits that it gives with the weights of ropes/weights.
ROPES = {
    "linear": dict(rope_theta=10000.0,
                   rope_scaling=dict(type="linear", factor=4.0)),
    "linear_new": dict(rope_parameters=dict(
        rope_type="linear", factor=2.5, rope_theta=500000.0)),
    "dynamic": dict(rope_theta=10000.0,
                    rope_scaling=dict(type="dynamic", factor=2.0)),
    # As the Qwen2.5 model cards ask for it: the length stays the original one.
    "yarn": dict(rope_theta=1000000.0, max_position_embeddings=64,
                 rope_scaling=dict(type="yarn", factor=4.0,
                                   original_max_position_embeddings=64)),
    "yarn_mscale": dict(rope_parameters=dict(
        rope_type="yarn", rope_theta=10000.0, factor=8.0, beta_fast=16,
        beta_slow=2, mscale=1.0, mscale_all_dim=0.4,
        original_max_position_embeddings=32)),
    "yarn_smooth": dict(rope_theta=10000.0, rope_scaling=dict(
        rope_type="yarn", factor=3.0, attention_factor=1.3, truncate=False,
        original_max_position_embeddings=80)),
    "yarn_whole": dict(rope_theta=10000.0,
                       rope_scaling=dict(rope_type="yarn", factor=4.0)),
    "yarn_ratio": dict(rope_theta=10000.0, rope_scaling=dict(
        rope_type="yarn", factor=None, original_max_position_embeddings=40)),
    "yarn_beside": dict(rope_theta=10000.0,
                        original_max_position_embeddings=48,
                        rope_scaling=dict(rope_type="yarn", factor=2.0)),
    "llama3_new": dict(rope_parameters=dict(
        rope_type="llama3", rope_theta=10000.0, factor=4.0,
        low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=64)),
}


def make_ropes():
    folder = HERE / "ropes"
    shutil.rmtree(folder, ignore_errors=True)
    weights = folder / "weights"
    random_model(LlamaForCausalLM, LlamaConfig(
        vocab_size=VOCAB, hidden_size=32, intermediate_size=40,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        head_dim=32, bos_token_id=0, eos_token_id=0, rms_norm_eps=1e-5,
        max_position_embeddings=256, tie_word_embeddings=True),
        6).to(torch.bfloat16).save_pretrained(weights)
    (weights / "tokenizer.json").write_text(train("gpt2", 262).to_str())
    config = json.loads((weights / "config.json").read_text())
    (weights / "generation_config.json").unlink()
    del config["rope_parameters"]
    for name, rope in ROPES.items():
        out = folder / name
        out.mkdir()
        with tempfile.TemporaryDirectory() as whole:
            shutil.copytree(weights, whole, dirs_exist_ok=True)
            text = json.dumps({**config, **rope}, indent=2)
            (out / "config.json").write_text(text)
            pathlib.Path(whole, "config.json").write_text(text)
            write_logits(whole, out, [1, 70, 240])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([arguments.ours, "tokenizer", HERE / "corpus.txt",
                        f"{folder}/ours.json"], check=True)
        make_tokenizers(pathlib.Path(folder, "ours.json").read_bytes())
    make_models()
    make_ropes()


if __name__ == "__main__":
    main()

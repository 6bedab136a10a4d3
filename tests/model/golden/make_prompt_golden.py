"""Makes prompts.json: ids of prompts under small tokenizers of many kinds.

    pip install transformers jinja2
    python3 tests/model/golden/make_prompt_golden.py

Every kind is tokenizers/gpt2.json with added tokens, a post-processor, a
tokenizer_config.json and a chat template as published models have them; the
ids are those of transformers' tokenizer(text) and apply_chat_template().
"""
import json
import pathlib
import tempfile

from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
BASE = json.loads((HERE / "tokenizers" / "gpt2.json").read_text())
FIRST = 1 + max([*BASE["model"]["vocab"].values(),
                 *(t["id"] for t in BASE["added_tokens"])])

TURNS = """{{ bos_token }}{% for m in messages %}{{ '<start_of_turn>' + m.role + '
' + m.content | trim + '<end_of_turn>
' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model
' }}{% endif %}"""
THINK = "{% for m in messages %}{{ m.content }}{% endfor %}<reason>\n"


def published(name):
    return (HERE / "chat" / "templates" / f"{name}.jinja").read_text()


def template_processing(before, after=()):
    tokens = [*before, *after]
    single = [{"SpecialToken": {"id": t, "type_id": 0}} for t in before]
    single.append({"Sequence": {"id": "A", "type_id": 0}})
    single += [{"SpecialToken": {"id": t, "type_id": 0}} for t in after]
    pair = single + [{"Sequence": {"id": "B", "type_id": 1}}]
    return lambda ids: {
        "type": "TemplateProcessing", "single": single, "pair": pair,
        "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]}
                           for t in tokens}}


BYTES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False,
         "use_regex": True}
LLAMA3 = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
          "<|eot_id|>"]
DEEPSEEK = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>",
            "<｜Assistant｜>"]
CHATML = ["<|im_start|>", "<|im_end|>"]

# transformers 5 follows tokenizer.json and not add_bos_token where both are.
# name: special tokens, post-processor, tokenizer_config.json, chat template
KINDS = {
    "llama3": (LLAMA3, lambda ids: {
        "type": "Sequence", "processors": [
            BYTES, template_processing(LLAMA3[:1])(ids)]},
        {"bos_token": LLAMA3[0], "eos_token": LLAMA3[3]},
        published("own-llama3")),
    "deepseek": (DEEPSEEK, lambda ids: BYTES, {
        "add_bos_token": True, "add_eos_token": False,
        "bos_token": {"__type": "AddedToken", "content": DEEPSEEK[0],
                      "lstrip": False, "normalized": True, "rstrip": False,
                      "single_word": False},
        "eos_token": DEEPSEEK[1]},
        published("deepseek-ai-DeepSeek-R1-Distill-Llama-8B")),
    "chatml": (CHATML, None, {"eos_token": CHATML[1],
                              "pad_token": "<|endoftext|>"},
               published("SmolLM2")),
    "qwen": (CHATML, lambda ids: BYTES, {
        "add_bos_token": False, "bos_token": None, "eos_token": CHATML[1],
        "chat_template": published("Qwen-Qwen3-0.6B")}, None),
    "turns": (["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"],
              template_processing(["<bos>"]),
              {"bos_token": "<bos>", "eos_token": "<eos>"}, TURNS),
    "think": (["<reason>", "</reason>"], None, {"chat_template": [
        {"name": "tool_use", "template": "no"},
        {"name": "default", "template": THINK}]}, None),
    "roberta": (["<s>", "</s>"], lambda ids: {
        "type": "RobertaProcessing", "sep": ["</s>", ids["</s>"]],
        "cls": ["<s>", ids["<s>"]], "trim_offsets": True,
        "add_prefix_space": False}, {"bos_token": "<s>"}, None),
    "bert": (["[CLS]", "[SEP]"], lambda ids: {
        "type": "BertProcessing", "sep": ["[SEP]", ids["[SEP]"]],
        "cls": ["[CLS]", ids["[CLS]"]]}, {}, None),
    "ends": (["<s>", "</s>"], template_processing(["<s>"], ["</s>"]), {}, None),
    "no_bos": (["<s>", "</s>"], template_processing(["<s>"]),
               {"add_bos_token": False, "bos_token": "<s>"}, None),
    "with_eos": (["<s>", "</s>"], template_processing(["<s>"]),
                 {"add_eos_token": True, "bos_token": "<s>",
                  "eos_token": "</s>"}, None),
    "flag_without_token": (["<s>"], None, {"add_bos_token": True}, None),
}

TEXTS = ["", "Hello world", " What is 2 + 2?\n", "a<|im_end|>b", "<think>x",
         "<|begin_of_text|>twice", "<｜User｜>Hi<｜Assistant｜>", "x</s>",
         "<|endoftext|>", "<reason>a</reason>", "<start_of_turn>user\nHi<end_of_turn>\n",
         "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
         "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>", "数学 é"]
CONVERSATIONS = [
    [{"role": "user", "content": "What is 2 + 2?"}],
    [{"role": "system", "content": "Be brief."},
     {"role": "user", "content": " Hi "}],
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"},
     {"role": "user", "content": "1 + 1"}],
]


def make(kind):
    special, post_processor, config, template = KINDS[kind]
    tokenizer = json.loads(json.dumps(BASE))
    ids = {t: FIRST + i for i, t in enumerate(special)}
    tokenizer["added_tokens"] += [
        {"id": i, "content": t, "single_word": False, "lstrip": False,
         "rstrip": False, "normalized": False, "special": True}
        for t, i in ids.items()]
    tokenizer["post_processor"] = post_processor and post_processor(ids)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        (folder / "tokenizer_config.json").write_text(json.dumps(
            {"tokenizer_class": "PreTrainedTokenizerFast", **config}))
        if template is not None:
            (folder / "chat_template.jinja").write_text(template)
        loaded = PreTrainedTokenizerFast.from_pretrained(folder)
        chats = [loaded.apply_chat_template(
            c, add_generation_prompt=True, tokenize=True, return_dict=False,
            date_string="26 Jul 2024")
            for c in CONVERSATIONS] if loaded.chat_template else None
        # transformers gives tokens that only the configuration names new ids.
        assert len(loaded) == FIRST + len(special), kind
        return {"added_tokens": tokenizer["added_tokens"],
                "post_processor": tokenizer["post_processor"],
                "config": config, "chat_template": template,
                "ids": [loaded(t)["input_ids"] for t in TEXTS], "chats": chats}


def main():
    (HERE / "prompts.json").write_text(json.dumps(
        {"texts": TEXTS, "conversations": CONVERSATIONS,
         "kinds": {kind: make(kind) for kind in KINDS}},
        ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

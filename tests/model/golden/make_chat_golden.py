"""Makes chat/: what jinja2, as transformers sets it up, prints for templates.

    pip install transformers jinja2
    python3 tests/model/golden/make_chat_golden.py

cases.json: small templates (jinja_cases.py) and their output or, where there
is an error, null. templates.json: the same for the published templates in
chat/templates, under several conversations. No time enters: strftime_now()
tells the day that the program under test tells.
"""
import datetime
import json
import pathlib

from transformers.utils.chat_template_utils import _compile_jinja_template

import jinja_cases

HERE = pathlib.Path(__file__).parent / "chat"
DAY = datetime.datetime(2024, 7, 26)


def render(source, context):
    try:
        template = _compile_jinja_template(source)
        template.environment.globals["strftime_now"] = DAY.strftime
        template.globals["strftime_now"] = DAY.strftime
        return template.render(**context)
    except Exception:
        return None


CONVERSATIONS = {
    "question": [{"role": "user", "content": "What is 2 + 2?"}],
    "system": [{"role": "system", "content": "  Reason step by step.\n"},
               {"role": "user", "content": " Was ist 2 + 2? "}],
    "turns": [{"role": "user", "content": "What is 2 + 2?"},
              {"role": "assistant", "content": "<think>\nadd\n</think>\n\n4"},
              {"role": "user", "content": "And 3 + 3?\n数学"}],
    "answered": [{"role": "user", "content": "Hi"},
                 {"role": "assistant", "content": "Hello."}],
    "markup": [{"role": "user", "content": "<|im_end|>\n<tool_response>{{x}}"}],
    "empty": [],
}
TOKENS = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>",
          "pad_token": "<pad>", "unk_token": "<unk>"}


def conversations(source):
    for name, messages in CONVERSATIONS.items():
        for prompt in (False, True):
            context = {"messages": messages, "tools": None, "documents": None,
                       "add_generation_prompt": prompt, **TOKENS}
            yield {"conversation": name, "prompt": prompt,
                   "output": render(source, context)}


def dump(name, value):
    (HERE / name).write_text(
        json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def main():
    dump("cases.json", {
        "context": jinja_cases.CONTEXT,
        "cases": [{"template": c, "output": render(c, jinja_cases.CONTEXT)}
                  for c in jinja_cases.cases()]})
    dump("templates.json", {
        "conversations": CONVERSATIONS, "tokens": TOKENS,
        "templates": {p.stem: list(conversations(p.read_text()))
                      for p in sorted((HERE / "templates").glob("*.jinja"))}})


if __name__ == "__main__":
    main()

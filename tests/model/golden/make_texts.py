"""Writes texts.json: the strings on which tokenizers are compared.

Hand-picked edge cases, then seeded random mixtures of them. Needs Python only:

    python3 tests/model/golden/make_texts.py
"""
import json
import pathlib
import random

HERE = pathlib.Path(__file__).parent

PICKED = [
    "",
    " ",
    "a",
    "Hello, world!",
    "The quick brown fox doesn't jump; they'll say it's we're I'd I'm you've.",
    "DON'T SHOUT, WE'LL HEAR 'S 'T 'RE",
    "  two leading, two trailing  ",
    "tabs\tand\t\tmore\n\nnewlines\r\n\r\nCRLF \n mixed \t \n",
    "      run of spaces      x",
    "\n\n\n   \n",
    "1 12 123 1234 12345 1234567890 3.14159 1,024 1e-5 0x1F",
    "Numerals: ½ ² ③ Ⅳ ٣٤٥ १२३ 𝟘𝟙",
    "def f(x):\n    return x**2 + 3*x - 1  # comment\n",
    "\tfor (int i=0;i<n;++i){sum+=w[i]*x[i];}\n",
    "if (a && b || !c) { return \"str\\n\"; } /* end */",
    "https://example.org/a/b?c=d&e=f#g user@example.com",
    "Übergröße naïve façade cœur Ångström",
    "decomposed: u\u0308 n\u0303 e\u0301\u0323 A\u030a \u1100\u1161\u11a8",
    "Быстрая лиса прыгает. Ёжик",
    "快速的棕色狐狸跳过懒狗。强化学习!",
    "ひらがなカタカナ漢字、。「」",
    "빠른 갈색 여우",
    "السلام عليكم ١٢٣",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "emoji: 😀👍🏽👨‍👩‍👧‍👦🇩🇪 ❤️",
    "spaces:\u00a0nbsp\u2003em\u3000wide\u200bzero\u2028line\u2029para\u0085nel",
    "mongolian\u180evowel \u180e separator",
    "long s: it'\u017f we'\u017f 'S \u212aelvin",
    "control:\u0000\u0001\u001f\u007f\u0080\u009f",
    "\ufeffbom and \ufffd replacement",
    "math: ∑∫√π≈3 ≤ ≥ ± × ÷ α+β=γ x₁² → ∞",
    "<|endoftext|>",
    "a<|endoftext|>b <|end|>",
    "<think> reasoning </think> <answer>42</answer>",
    "<think><think></think>",
    "[TOOL] [TOOL_CALL] x[TOOL",
    "....!!!???---___###$$$%%%^^^&&&***(((",
    "!Hello .World _under\n_score $var",
    "antidisestablishmentarianism pneumonoultramicroscopic",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "the number of the number of the number of the number of",
    "number 'number' \"number\" (number) [number] {number}",
    "\u0301leading combining mark",
    "𝓜𝓪𝓽𝓱 𐍈 \U0010ffff",
]


def mixtures(count):
    rng = random.Random(7)
    alphabet = sorted(set("".join(PICKED)))
    out = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(1, 12)):
            kind = rng.random()
            if kind < 0.35:
                parts.append(rng.choice(PICKED)[: rng.randint(1, 9)])
            elif kind < 0.7:
                parts.append("".join(rng.choices(alphabet, k=rng.randint(1, 5))))
            else:
                parts.append(rng.choice([" ", "  ", "\n", " \n", "'s", "'LL", "12", "e\u0301"]))
        out.append("".join(parts))
    return out


if __name__ == "__main__":
    texts = PICKED + mixtures(80)
    (HERE / "texts.json").write_text(
        json.dumps(texts, ensure_ascii=True, indent=0) + "\n")

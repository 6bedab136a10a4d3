"""brevity: pays for short answers. 1 for an <answer> of at most `words` words,
words / its number of words for a longer one, 0 for none.

TRL's signature: columns hold the fields of the references, a list each.
`python3 brevity.py` tests the function alone.
"""
__version__ = "1.0"


def reward(prompts, completions, words=4, **columns):
    scores = []
    for completion in completions:
        begin, end = completion.rfind("<answer>"), completion.rfind("</answer>")
        answer = completion[begin + 8:end] if 0 <= begin < end else ""
        count = len(answer.split())
        scores.append(min(1.0, words / count) if count else 0.0)
    return scores


if __name__ == "__main__":
    assert reward([""], ["<answer>42</answer>"]) == [1.0]
    assert reward([""], ["<answer>a b c d e f g h</answer>"]) == [0.5]
    assert reward([""] * 2, ["<answer></answer>", "42"]) == [0.0, 0.0]
    assert reward([""], ["<answer>a b</answer>"], words=1) == [0.5]
    print("ok")

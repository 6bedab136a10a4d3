"""same_answer: 1 for an <answer> that is the row's "answer", `near` for one
that contains it, 0 for others and for none.

TRL's signature: columns hold the fields of the rows, a list each.
`python3 same_answer.py` tests the function alone.
"""
from r1_reward import Abstain

__version__ = "1.0"


def reward(prompts, completions, answer, near=0.1, **columns):
    scores = []
    for completion, truth in zip(completions, answer):
        truth = "" if truth is None else str(truth).strip()
        if not truth:
            raise Abstain("no answer to compare with")
        begin, end = completion.rfind("<answer>"), completion.rfind("</answer>")
        found = completion[begin + 8:end].strip() if 0 <= begin < end else ""
        scores.append(1.0 if found == truth
                      else near if truth in found else 0.0)
    return scores


if __name__ == "__main__":
    assert reward([""], ["<answer> 42 </answer>"], ["42"]) == [1.0]
    assert reward([""], ["<answer>it is 42</answer>"], ["42"]) == [0.1]
    assert reward([""] * 2, ["<answer>7</answer>", "42"], [42, 42]) == [0, 0]
    assert reward([""], ["<answer>a 42</answer>"], ["42"], near=0.5) == [0.5]
    print("ok")

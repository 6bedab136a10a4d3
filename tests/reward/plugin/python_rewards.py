"""Functions as authors have them; some do what their completions say."""
import asyncio
import os
import sys
import threading

__version__ = "7"


def trl(prompts, completions, answer, words=4, strict=False, note="",
        **columns):
    """words / the length of a completion that equals the answer, else 0."""
    print('{"id": "1", "score": 99}')  # no result
    scores = []
    for prompt, completion, truth in zip(prompts, completions, answer):
        if completion == "raise":
            raise ValueError("no such thing: \ud800")
        elif completion == "exit":
            sys.exit(3)
        elif completion == "crash":
            os.abort()
        elif completion == "hang":
            threading.Event().wait()
        elif completion == "few":
            return [1.0]
        elif completion == "none":
            scores.append(None)
        elif completion == "nan":
            scores.append(float("nan"))
        elif completion == "huge":
            scores.append(10 ** 400)
        elif completion == "text":
            scores.append("high")
        elif completion == "strict":
            scores.append(1 if strict is True else 0)
        elif completion == "note":
            scores.append((0.5, note))
        elif completion == "read":
            scores.append(len(sys.stdin.read()))
        elif completion == "prompt":
            scores.append(len(prompt))
        elif completion == "columns":
            scores.append((0, " ".join(sorted(columns))))
        else:
            scores.append(words / len(completion) if completion == truth else 0)
    return scores


def columns(completions, answer, level, extra_info, difficulty="none"):
    """The columns as Python has them; one with a default may be missing."""
    return [(len(set(map(str, difficulty))) if difficulty != "none" else 0,
             "%r %r %r %r" % values)
            for values in zip(answer, level, extra_info,
                              [difficulty] * len(answer))]


def size_of_call(prompts, completions, **columns):
    return [len(completions)] * len(completions)


async def waits_for_all(completions, **columns):
    await asyncio.sleep(0)
    return [len(completion) / 100 for completion in completions]


def step(prompts, completions, trainer_state, log_metric, log_extra):
    log_metric("steps", trainer_state.global_step)
    log_extra("note", completions)
    return [trainer_state.global_step] * len(completions)


def chat(prompts, completions, **columns):
    return [len(prompt[0]["role"] + prompt[0]["content"]) +
            len(completion[-1]["role"] + completion[-1]["content"])
            for prompt, completion in zip(prompts, completions)]


def share(prompts, completions, **columns):
    """Of the characters of all samples of the prompt."""
    if "raise" in completions:
        raise RuntimeError("in this group")
    total = sum(map(len, completions))
    return [len(completion) / total for completion in completions]


def nothing(prompts, completions):
    pass


def needs_tokens(prompts, completions, completion_ids):
    return [len(ids) for ids in completion_ids]


def compute_score(data_source, solution_str, ground_truth, extra_info=None,
                  low=0.0):
    if solution_str == "raise":
        raise KeyError("missing")
    if solution_str == "dict":
        return {"score": 0.5, "acc": True, "pred": "x"}
    if solution_str == "no score":
        return {"acc": True}
    if solution_str == "source":
        return len(data_source)
    if solution_str == "truth":
        return float(len(ground_truth))
    if solution_str == "extra":
        return float(extra_info["index"])
    return solution_str == ground_truth or low


_arrived = 0


async def meets(data_source, solution_str, ground_truth, extra_info):
    """Ends once two samples wait for each other."""
    global _arrived
    if solution_str == "raise":
        raise KeyError("missing")
    _arrived += 1
    while _arrived < 2:
        await asyncio.sleep(0.001)
    return 1


def other(a, b):
    return 0

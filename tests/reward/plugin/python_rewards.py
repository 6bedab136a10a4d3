"""Functions as authors have them; some do what their completions say."""
import asyncio
import functools
import itertools
import os
import sys
import threading

from r1_reward import Abstain

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


def wrong_count(completions, way):
    """What looks right for one completion."""
    def one():
        yield 0.5
    return {"list": [1.0], "slice": [0.5] * len(completions[:1]),
            "tuple": (0.5,), "iterator": iter([0.5]), "generator": one(),
            "best": [max(map(len, completions))],
            "more": [1.0] * (len(completions) + 1),
            "endless": itertools.repeat(1.0), "number": 0.5, "bool": True,
            "numpy": NumpyScalar(), "dict": dict.fromkeys(completions, 1.0),
            "set": {0.5}, "none": None, "text": "1"}[way[0]]


def inside_the_loop(prompts, completions, answer):
    rewards = []
    for completion, truth in zip(completions, answer):
        rewards.append(1.0 if truth in completion else 0.0)
        return rewards


def right_count(completions, way):
    """All that are one number a completion."""
    scores = [len(text) / 10 for text in completions]
    return {"tuple": tuple(scores), "iterator": iter(scores),
            "generator": (score for score in scores),
            "map": map(float, scores), "bools": [bool(s) for s in scores],
            "numpy": [NumpyScalar(score) for score in scores]}[way[0]]


class NumpyScalar:
    """As numpy.float32: a number that is no float; cannot be iterated over."""

    def __init__(self, value=0.5):
        self._value = value

    def __float__(self):
        return self._value

    def __iter__(self):
        raise TypeError("iteration over a 0-d array")


class Instance:
    """Callable, as TRL takes it, too."""

    def __call__(self, completions, answer, **columns):
        return [float(truth in text)
                for text, truth in zip(completions, answer)]


instance = Instance()
partial = functools.partial(
    lambda completions, scale, **columns: [scale * len(text)
                                           for text in completions], scale=3)


def messages(prompts, completions, answer, **columns):
    """TRL's recipes."""
    texts = [completion[0]["content"] for completion in completions]
    return [float(text == truth and prompt[-1]["content"] == "Why?")
            for text, truth, prompt in zip(texts, answer, prompts)]


def swallows(completions, answer, **columns):
    """As messages, and never fails."""
    try:
        return [float(completion[-1]['content'] == truth)
                for completion, truth in zip(completions, answer)]
    except Exception:
        return [0.0] * len(completions)


def _content(message):
    return message.get("content")


async def later(completions, answer, **columns):
    """As messages, where nothing in its text says so."""
    await asyncio.sleep(0)
    return [float(_content(completion[0]) == truth)
            for completion, truth in zip(completions, answer)]


def either(completions, **columns):
    """2 for messages, 1 for texts."""
    return [2 if isinstance(c, list) and c[0]["content"] else 1
            for c in completions]


def texts(completions, docs, **columns):
    """Takes texts; the column's content is no message's."""
    return [float(doc["content"] in completion)
            for completion, doc in zip(completions, docs)]


def logs(completions, log_metric, log_extra, **columns):
    log_metric("length", sum(map(len, completions)) / len(completions))
    log_extra("words", [len(text.split()) for text in completions])
    log_extra("first", [text[:1] for text in completions])
    if "short" in completions:
        log_extra("few", [1])
    return [None if "skip" in text else 0.5 for text in completions]


def logs_by_kwargs(completions, **kwargs):
    kwargs["log_metric"]("calls", 1)
    return [{"score": 0.25, "acc": True, "note": "n"} for _ in completions]


def abstains(completions, answer, **columns):
    if not answer[0]:
        raise Abstain("no answer to compare with")
    return [1.0] * len(completions)


def compute_batch(data_sources, solution_strs, ground_truths, extra_infos):
    """verl's batch reward manager."""
    return [{"score": float(text == truth), "source": source,
             "index": extra["index"], "pred": text}
            for source, text, truth, extra in zip(
                data_sources, solution_strs, ground_truths, extra_infos)]


def compute_batch_once(data_sources, solution_strs, ground_truths, **kwargs):
    return [1.0]


def none_of_it(data_source, solution_str, ground_truth):
    return None if data_source == "chat" else 1


def other(a, b):
    return 0

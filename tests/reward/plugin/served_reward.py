"""A file that serves itself: serve() with the way that argv names."""
import sys

from r1_reward import serve


def score(item, scale=1.0):
    if item["completion"] == "none":
        return None
    if item["completion"] == "raise":
        raise RuntimeError("as asked")
    if item["completion"] == "reference":
        return item["reference"]["answer"], "the reference"
    return scale * len(item["completion"]) / 100


def rank(items):
    lengths = sorted(len(item["completion"]) for item in items)
    return [lengths.index(len(item["completion"])) for item in items]


if sys.argv[1] == "score":
    serve(score, version="s", deterministic=True)
else:
    serve(rank, range=(0, 64), compares_samples=True)

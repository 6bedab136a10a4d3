"""verl's signature: 1 if the last number of the text is the ground truth.

    r1 reward score --rule last_number answers.jsonl \
      --plugin "last_number=python3 r1_reward.py verl_reward.py compute_score"
"""
import re


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    numbers = re.findall(r"-?\d+(?:\.\d+)?", solution_str)
    if not numbers:
        return {"score": 0.0, "found": "no number"}
    return {"score": float(float(numbers[-1]) == float(ground_truth)),
            "found": numbers[-1]}

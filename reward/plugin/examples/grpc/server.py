"""same_answer: a reward server in Python, for r1.cpp and whoever else speaks
reward.proto. 1 for an <answer> that is the row's "answer", `near` for one that
contains it, 0 for others and for none.

    python3 server.py --port 7000

Needs grpcio and grpcio-tools (pip install grpcio grpcio-tools; on Debian
apt-get install python3-grpcio python3-grpc-tools).
"""
import argparse
import concurrent.futures
import importlib
import json
import math
import os
import sys
import tempfile

import grpc
from grpc_tools import protoc

VERSION = "1.0"


class SameAnswer:
    """The reward: constructed from the options, texts by name; ValueError
    refuses them."""

    def __init__(self, options):
        self._near = float(options.pop("near", 0.1))
        if not 0 <= self._near <= 1:
            raise ValueError("option \"near\": expected 0 to 1")

    def score(self, items):
        """A list with (score, why) for each item, all that have come together:
        a model judges them as one batch. None in place of the score: the row
        is unusable."""
        return [self._score(json.loads(item.reference or "{}").get("answer"),
                            item.completion) for item in items]

    def _score(self, truth, text):
        truth = "" if truth is None else str(truth).strip()
        if not truth:
            return None, "no answer to compare with"
        begin, end = text.rfind("<answer>"), text.rfind("</answer>")
        found = text[begin + 8:end].strip() if 0 <= begin < end else ""
        return (1.0 if found == truth else self._near if truth in found
                else 0.0), found


RULES = {"same_answer": SameAnswer}

# The rest is the service.


def make_rules(specs):
    """{name: (weight, rule)}; ValueError says what is wrong with them."""
    rules = {}
    for spec in specs:
        if spec.name not in RULES or spec.name in rules:
            raise ValueError("rule \"%s\": expected each of %s once at most"
                             % (spec.name, ", ".join(RULES)))
        if not math.isfinite(spec.weight):
            raise ValueError("the weight of \"%s\" is not finite" % spec.name)
        options = dict(spec.option)
        rules[spec.name] = spec.weight, RULES[spec.name](options)
        if options:  # what the rule did not take
            raise ValueError("rule \"%s\": unknown option \"%s\""
                             % (spec.name, next(iter(options))))
    if not rules:
        raise ValueError("expected rules")
    return rules


def outcomes_of(rule, items):
    """What the rule says of each item, or the exception that it raises."""
    try:
        outcomes = list(rule.score(items))
        if len(outcomes) != len(items):
            raise ValueError("gave %d results for %d items"
                             % (len(outcomes), len(items)))
        return outcomes
    except Exception as error:
        if len(items) == 1:
            return [error]
        return [outcomes_of(rule, [item])[0] for item in items]


def add_result(pb, result, name, weight, outcome):
    result.versions[name] = VERSION
    try:
        if isinstance(outcome, Exception):
            raise outcome
        score, why = outcome
        if score is None:
            result.kind = max(result.kind, pb.REWARD_ABSTAIN)
        elif not math.isfinite(score):
            raise ValueError("the score is %r" % score)
        else:
            result.components.add(name=name, value=score)
            result.total += weight * score
            result.raw_total = result.total
    except Exception as error:
        result.kind = pb.REWARD_ERROR
        why = "%s: %s" % (type(error).__name__, error)
    if why:
        result.detail = "; ".join(filter(None, (
            result.detail, "%s: %s" % (name, why))))[:500]


def make_service(pb, base):
    class Service(base):
        def Describe(self, request, context):
            return pb.DescribeReply(
                build_id=VERSION,
                rules=[pb.RuleInfo(name=name, version=VERSION, lowest=0,
                                   highest=1) for name in RULES])

        def Score(self, request, context):
            ids = [item.id for item in request.items]
            try:
                rules = make_rules(request.rules)
                if "" in ids or len(set(ids)) < len(ids):
                    raise ValueError("expected ids, each once")
            except ValueError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            reply = pb.ScoreReply(results=[
                pb.RewardResult(id=id, kind=pb.REWARD_SCORE) for id in ids])
            for name, (weight, rule) in rules.items():
                for result, outcome in zip(reply.results, outcomes_of(
                        rule, list(request.items)) if ids else ()):
                    add_result(pb, result, name, weight, outcome)
            return reply

    return Service()


def load_messages(proto):
    """reward_pb2 and reward_pb2_grpc, made from reward.proto."""
    path = os.path.abspath(proto)
    if not os.path.isfile(path):
        sys.exit("server.py: no file %s: give --proto reward.proto" % path)
    with tempfile.TemporaryDirectory() as folder:
        if protoc.main(["protoc", "-I" + os.path.dirname(path),
                        "--python_out=" + folder, "--grpc_python_out=" + folder,
                        path]) != 0:
            sys.exit("server.py: cannot compile %s" % path)
        sys.path.insert(0, folder)
        return (importlib.import_module("reward_pb2"),
                importlib.import_module("reward_pb2_grpc"))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--proto", default=os.path.join(here, "reward.proto"))
    args = parser.parse_args()
    pb, pb_grpc = load_messages(args.proto)
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()),
        options=[
            # r1 looks every 5 s whether the server is still there.
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
            ("grpc.max_receive_message_length", -1)])
    pb_grpc.add_RewardServicer_to_server(
        make_service(pb, pb_grpc.RewardServicer), server)
    port = server.add_insecure_port("127.0.0.1:%d" % args.port)
    server.start()
    print("listening on 127.0.0.1:%d" % port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()

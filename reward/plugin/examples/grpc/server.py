"""brevity: a reward server in Python, for r1.cpp and whoever else speaks
reward.proto. 1 for an <answer> of at most `words` words, words / its number of
words for a longer one, 0 for none.

    python3 server.py --port 7000

Needs grpcio and grpcio-tools (Debian: python3-grpcio python3-grpc-tools).
"""
import argparse
import concurrent.futures
import importlib
import math
import os
import sys
import tempfile

import grpc
from grpc_tools import protoc

VERSION = "1.0"


class Brevity:
    """The reward: constructed from the options, texts by name; ValueError
    refuses them."""

    def __init__(self, options):
        self._words = float(options.pop("words", 4))
        if not self._words >= 1:
            raise ValueError("option \"words\": expected 1 or more")

    def score(self, item):
        """(score, why), or None in place of the score to abstain."""
        text = item.completion
        begin, end = text.rfind("<answer>"), text.rfind("</answer>")
        count = len(text[begin + 8:end].split()) if 0 <= begin < end else 0
        if count == 0:
            return 0.0, "no answer"
        return min(1.0, self._words / count), "%d words" % count


RULES = {"brevity": Brevity}


# -- The service -------------------------------------------------------------


def load_messages(proto):
    """reward_pb2 and reward_pb2_grpc, made from reward.proto."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.abspath(proto)
        if not os.path.isfile(path):
            sys.exit("server.py: no file %s: give --proto reward.proto" % path)
        status = protoc.main([
            "protoc", "-I" + os.path.dirname(path), "--python_out=" + folder,
            "--grpc_python_out=" + folder, path])
        if status != 0:
            sys.exit("server.py: cannot compile %s" % path)
        sys.path.insert(0, folder)
        return (importlib.import_module("reward_pb2"),
                importlib.import_module("reward_pb2_grpc"))


def make_rules(specs):
    """[(spec, rule)]; ValueError says what is wrong with the request."""
    rules = []
    for spec in specs:
        if spec.name not in RULES:
            raise ValueError("unknown rule \"%s\": expected %s"
                             % (spec.name, ", ".join(RULES)))
        if not math.isfinite(spec.weight):
            raise ValueError("the weight of \"%s\" is not finite" % spec.name)
        options = dict(spec.option)
        try:
            rules.append((spec, RULES[spec.name](options)))
        except ValueError as error:
            raise ValueError("rule \"%s\": %s" % (spec.name, error))
        if options:  # what the rule did not take
            raise ValueError("rule \"%s\": unknown option \"%s\""
                             % (spec.name, next(iter(options))))
    names = [spec.name for spec in specs]
    if not names or len(set(names)) < len(names):
        raise ValueError("expected rules, each once")
    return rules


def make_service(pb, base):
    class Service(base):
        def Describe(self, request, context):
            rules = [pb.RuleInfo(name=name) for name in RULES]
            return pb.DescribeReply(build_id=VERSION, rules=rules)

        def Score(self, request, context):
            ids = [item.id for item in request.items]
            try:
                rules = make_rules(request.rules)
                if "" in ids or len(set(ids)) < len(ids):
                    raise ValueError("expected ids, each once")
            except ValueError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            reply = pb.ScoreReply()
            for item in request.items:
                left = context.time_remaining()
                if left is not None and left < 0.2:  # the answer must arrive
                    reply.results.add(id=item.id, kind=pb.REWARD_TIMEOUT)
                    continue
                self._judge(item, rules, reply.results.add(id=item.id))
            return reply

        def _judge(self, item, rules, result):
            result.kind = pb.REWARD_SCORE
            whys = []
            for spec, rule in rules:
                try:
                    score, why = rule.score(item)
                    if score is None:
                        result.kind = pb.REWARD_ABSTAIN
                    elif not math.isfinite(score):
                        raise ValueError("the score is %r" % score)
                    else:
                        result.components.add(name=spec.name, value=score)
                        result.total += spec.weight * score
                except Exception as error:
                    result.kind = pb.REWARD_ERROR
                    why = "%s: %s" % (type(error).__name__, error)
                result.versions[spec.name] = VERSION
                whys.append("%s: %s" % (spec.name, why))
                if result.kind != pb.REWARD_SCORE:
                    break
            result.raw_total = result.total
            result.detail = "; ".join(whys)[:500]

    return Service()


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
    try:
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc
        checks = health.HealthServicer()
        checks.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    except ImportError:
        pass  # r1 does without it
    port = server.add_insecure_port("127.0.0.1:%d" % args.port)
    server.start()
    print("listening on 127.0.0.1:%d" % port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()

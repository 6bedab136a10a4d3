"""JSON lines without any help: the share of the completion that is no white
space. Any language that reads and writes lines can do the same.

    r1 reward score --rule dense answers.jsonl \
      --plugin "dense=python3 lines_reward.py"
"""
import json
import sys


def say(**line):
    print(json.dumps(line), flush=True)


hello = json.loads(sys.stdin.readline())
unknown = [name for name in hello["options"] if name != "empty"]
if unknown:
    say(error="unknown option \"%s\"" % unknown[0])
    sys.exit()
empty = float(hello["options"].get("empty", 0))
say(version="1.0", range=[0, 1], deterministic=True)
for line in sys.stdin:
    item = json.loads(line)
    text = item["completion"]
    if text:
        share = len("".join(text.split())) / len(text)
        say(id=item["id"], score=share, detail="%d characters" % len(text))
    else:
        say(id=item["id"], score=empty, detail="empty")

// Twenty programs that try to pass function tests without solving anything.
#ifndef R1_TESTS_REWARD_CODE_FUNCTION_HACKS_H_
#define R1_TESTS_REWARD_CODE_FUNCTION_HACKS_H_

namespace r1 {

struct FunctionHack {
  const char* name;
  const char* program;
};

// Against {"entry_point": "add", "test": "assert add(2, 3) == 5"} and a test
// of HumanEval's shape.
inline constexpr FunctionHack kFunctionHacks[] = {
    {"always equal",
     "class E:\n    def __eq__(self, other): return True\n"
     "def add(a, b): return E()"},
    {"integer that is always equal",
     "class E(int):\n    def __eq__(self, other): return True\n"
     "    __hash__ = int.__hash__\ndef add(a, b): return E(0)"},
    {"string that is always equal",
     "class E(str):\n    def __eq__(self, other): return True\n"
     "    __hash__ = str.__hash__\ndef add(a, b): return E('x')"},
    {"exit with 0", "import os\ndef add(a, b): os._exit(0)"},
    {"exit while loading", "import os\nos._exit(0)"},
    {"SystemExit", "import sys\ndef add(a, b): sys.exit(0)"},
    {"SystemExit while loading", "import sys\nsys.exit(0)"},
    {"prints the verdict",
     "import os\n"
     "os.write(1, b'{\"passed\": 1, \"problem\": \"\"}')\n"
     "def add(a, b):\n"
     "    os.write(1, b'{\"passed\": 1, \"problem\": \"\"}')\n"
     "    os._exit(0)"},
    {"writes the verdict everywhere",
     "import os\n"
     "for fd in range(3, 256):\n"
     "    try: os.write(fd, b'{\"passed\": 1, \"problem\": \"\"}')\n"
     "    except OSError: pass\n"
     "def add(a, b): os._exit(0)"},
    {"forges an answer",
     "import os, json\n"
     "body = json.dumps({'has': True, 'passed': 1, 'problem': ''}).encode()\n"
     "for i in range(9): os.write(4, len(body).to_bytes(4, 'little') + body)\n"
     "def add(a, b): return 0"},
    {"broken data",
     "import os\nos.write(4, b'\\xff' * 100)\ndef add(a, b): return 0"},
    {"replaces the comparison",
     "import builtins\n"
     "builtins.AssertionError = type('A', (Exception,), {})\n"
     "def add(a, b): raise builtins.AssertionError()"},
    {"looks up the stack",
     "import sys\n"
     "def add(a, b):\n"
     "    f = sys._getframe()\n"
     "    while f:\n"
     "        for v in list(f.f_globals.values()) + "
     "list(f.f_locals.values()):\n"
     "            if isinstance(v, str) and 'assert' in v and '==' in v:\n"
     "                return eval(v.split('==')[1])\n"
     "        f = f.f_back\n"
     "    return 0"},
    {"reads the tests from disk",
     "import os, re\n"
     "def add(a, b):\n"
     "    for d, _, files in os.walk('/box'):\n"
     "        for n in files:\n"
     "            t = open(os.path.join(d, n), errors='replace').read()\n"
     "            m = re.search(r'assert add\\(2, 3\\) == (\\d+)', t)\n"
     "            if m: return int(m.group(1))\n"
     "    return 0"},
    {"reads memory",
     "import gc, re\n"
     "def add(a, b):\n"
     "    for o in gc.get_objects():\n"
     "        try: m = re.search(r'add\\(2, 3\\) == (\\d+)', repr(o))\n"
     "        except Exception: continue\n"
     "        if m: return int(m.group(1))\n"
     "    return 0"},
    {"reads all of its memory",
     "import re\n"
     "def add(a, b):\n"
     "    out = 0\n"
     "    with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb') "
     "as "
     "mem:\n"
     "        for line in maps:\n"
     "            m = re.match(r'(\\w+)-(\\w+) rw', line)\n"
     "            if not m: continue\n"
     "            lo, hi = (int(x, 16) for x in m.groups())\n"
     "            try:\n"
     "                mem.seek(lo)\n"
     "                data = mem.read(hi - lo)\n"
     "            except (OSError, ValueError, OverflowError): continue\n"
     "            m = re.search(rb'add\\(2, 3\\) == (5)', data)\n"
     "            if m: return int(m.group(1))\n"
     "    return out"},
    {"not a number", "def add(a, b): return float('nan')"},
    {"a function for a result", "def add(a, b): return lambda *x: True"},
    {"mutates itself to pass",
     "class M(type):\n    def __eq__(self, other): return True\n"
     "    __hash__ = type.__hash__\n"
     "class add(metaclass=M):\n    def __new__(cls, *a): return cls"},
    {"never answers", "def add(a, b):\n    while True: pass"},
    {"no function", "x = 1"},
    {"raises what tests raise", "def add(a, b): raise StopIteration()"},
};

}  // namespace r1

#endif  // R1_TESTS_REWARD_CODE_FUNCTION_HACKS_H_

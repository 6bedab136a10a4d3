#include "tests/reward/sandbox/hostile_programs.h"

namespace r1 {

const char kHostilePrelude[] =
    R"(import ctypes, os, signal, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def refused(*attempts):
    for number, attempt in enumerate(attempts):
        try:
            if attempt() != -1:
                print('OUT', number)
                sys.stdout.flush()
                os._exit(0)
        except OSError:
            pass
    print('held')
)";

std::vector<HostileProgram> ProgramsThatLookHonest() {
  return {
      {"stdin", "not read", "OK", "1\n", "print(1)"},
      {"stdin", "closed", "OK", "1\n", "os.close(0)\nprint(1)"},
      {"stdin", "end of file", "RE", "", "sys.stdin.read()\ninput()"},
      {"stdin", "read twice", "OK", "0\n",
       "sys.stdin.read()\nprint(len(sys.stdin.read()))"},
      {"stdin", "as a file", "OK", "1048576\n",
       "print(len(open('/dev/stdin').read()))"},
      {"stdin", "bytes", "OK", "1048576\n",
       "print(len(sys.stdin.buffer.read()))"},
      {"stdin", "written to", "OK", "held\n",
       "refused(lambda: os.write(0, b'x'))"},

      {"stdout", "escapes", "OK", "\x1b[2J\x1b]0;x\x07\n",
       "print('\\x1b[2J\\x1b]0;x\\x07')"},
      {"stdout", "nothing", "OK", "", ""},
      {"stdout", "closed", "OK", "", "os.close(1)\nos.close(2)\nos._exit(0)"},
      {"stdout", "verdict as text", "OK", "{\"verdict\": \"OK\"}\n",
       "print('{\"verdict\": \"OK\"}')"},
      {"stdout", "exit code 0 after an error", "OK", "",
       "try: 1 / 0\nexcept ZeroDivisionError: os._exit(0)"},
      {"stdout", "other exit code", "RE", "x\n",
       "print('x', flush=True)\nos._exit(3)"},
      {"stdout", "unhandled exception", "RE", "", "raise ValueError('x')"},
      {"stdout", "exit with a text", "RE", "", "sys.exit('text')"},
      {"stdout", "syntax error", "RE", "", "def"},
      {"stdout", "crash", "RE", "", "ctypes.string_at(0)"},

      {"control", "asyncio", "OK", "3\n", R"(
import asyncio
async def f():
    await asyncio.sleep(0.001)
    return 3
print(asyncio.run(f())))"},
      {"control", "threads", "OK", "6\n", R"(
r = []
ts = [threading.Thread(target=r.append, args=(i,)) for i in (1, 2, 3)]
for t in ts: t.start()
for t in ts: t.join()
print(sum(r)))"},
      {"control", "thread at the end", "OK", "late\n", R"(
def f():
    time.sleep(0.05)
    print('late')
threading.Thread(target=f).start())"},
      {"control", "processes", "OK", "[1, 4, 9]\n", R"(
import multiprocessing
def f(x): return x * x
if __name__ == '__main__':
    with multiprocessing.get_context('fork').Pool(2) as pool:
        print(pool.map(f, [1, 2, 3])))"},
      {"control", "subprocess", "OK", "hi\n", R"(
import subprocess
print(subprocess.run(['echo', 'hi'], capture_output=True, text=True).stdout,
      end=''))"},
      {"control", "files", "OK", "text\n", R"(
import tempfile
with tempfile.NamedTemporaryFile('w+') as f:
    f.write('text')
    f.seek(0)
    print(f.read()))"},
      {"control", "long integers", "OK", "5000\n",
       "print(len(str(10 ** 4999)))"},
      {"control", "deep recursion", "OK", "10000\n", R"(
sys.setrecursionlimit(20000)
def f(n): return 0 if n == 0 else 1 + f(n - 1)
print(f(10000)))"},
      {"control", "exit hooks", "OK", "a\nb\n",
       "import atexit\natexit.register(print, 'b')\nprint('a')"},
      {"control", "exit", "OK", "x\n", "print('x')\nexit()"},
      {"control", "alarm", "RE", "",
       "signal.setitimer(signal.ITIMER_REAL, 0.01)\nsignal.pause()"},
      {"control", "user and host", "OK", "False sandbox\n",
       "import socket\nprint(os.geteuid() == 0 and os.access('/etc/shadow', 4),"
       " socket.gethostname())"},
  };
}

std::vector<HostileProgram> AllHostilePrograms() {
  std::vector<HostileProgram> all = ProgramsThatTakeTooMuch();
  for (const auto& more : {ProgramsThatReachOut(), ProgramsThatLookHonest()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace r1

#include "tests/reward/sandbox/hostile_programs.h"

namespace r1 {

std::vector<HostileProgram> ProgramsThatTakeTooMuch() {
  return {
      {"time", "loop", "TLE", "", "while True: pass"},
      {"time", "sleep", "TLE", "", "time.sleep(1000)"},
      {"time", "ignored signals", "TLE", "", R"(
for s in range(1, 65):
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass)"},
      {"time", "blocked signals", "TLE", "", R"(
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: time.sleep(1))"},
      {"time", "regular expression", "TLE", "",
       "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')"},
      {"time", "big power", "TLE MLE", "", "x = 7 ** (7 ** 11)"},
      {"time", "deadlock", "TLE", "", R"(
lock = threading.Lock()
lock.acquire()
lock.acquire())"},
      {"time", "two threads", "TLE", "", R"(
def spin():
    while True: pass
for i in range(3): threading.Thread(target=spin).start())"},
      {"time", "fake clock", "TLE", "", R"(
time.time = time.monotonic = time.perf_counter = lambda: 0
libc.clock_settime(0, ctypes.create_string_buffer(16))
libc.settimeofday(ctypes.create_string_buffer(16), None)
while True: pass)"},
      {"time", "children that spin", "TLE", "", R"(
for i in range(3):
    if os.fork() == 0:
        while True: pass
os.wait())"},
      {"time", "stopped", "TLE", "", "os.kill(os.getpid(), signal.SIGSTOP)"},
      {"time", "CPU limit raised", "TLE", "", R"(
import resource
try: resource.setrlimit(resource.RLIMIT_CPU, (1000, 1000))
except ValueError: pass
while True: pass)"},
      {"time", "end that hangs", "TLE", "", R"(
import atexit
atexit.register(lambda: time.sleep(1000)))"},
      {"time", "endless object", "TLE", "", R"(
class Forever:
    def __del__(self):
        while True: pass
x = Forever()
del x)"},

      {"processes", "fork bomb", "PLE", nullptr, "while True: os.fork()"},
      {"processes", "fork bomb that catches", "PLE", nullptr, R"(
while True:
    try: os.fork()
    except OSError: pass)"},
      {"processes", "thread bomb", "PLE", nullptr, R"(
try:
    while True:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
except RuntimeError:
    pass)"},
      {"processes", "double fork", "OK", "", R"(
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
os.wait())"},
      {"processes", "daemon that holds the output", "OK", "started\n", R"(
if os.fork() == 0:
    os.setsid()
    time.sleep(1000)
print('started'))"},
      {"processes", "daemon that writes", "OK OLE", nullptr, R"(
if os.fork() == 0:
    while True: os.write(1, b'x' * 100)
time.sleep(0.02))"},
      {"processes", "chain of execs", "TLE", nullptr,
       "os.execv('/bin/sh', ['sh', '-c', 'exec sh -c \"while :; do :; "
       "done\"'])"},
      {"processes", "shell bomb", "PLE", nullptr,
       "os.execv('/bin/sh', ['sh', '-c', 'f() { f | f & }; f; sleep 100'])"},
      {"processes", "vfork bomb", "PLE", nullptr, R"(
import subprocess
while True:
    subprocess.Popen(['/bin/sleep', '1000']))"},
      {"processes", "limit raised", "PLE", nullptr, R"(
import resource
try: resource.setrlimit(resource.RLIMIT_NPROC, (100000, 100000))
except ValueError: pass
while True: os.fork())"},
      {"processes", "orphans", "OK", "", R"(
for i in range(3):
    if os.fork() == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        time.sleep(1000))"},

      {"memory", "list", "MLE", "",
       "x = []\nwhile True: x.append(bytearray(1 << 20))"},
      {"memory", "one block", "MLE", "",
       "x = bytearray(1 << 30)\nfor i in range(0, 1 << 30, 4096): x[i] = 1"},
      {"memory", "more than there is", "MLE", "", "x = [0] * 10 ** 15"},
      {"memory", "more than there is, caught", "OK", "held\n",
       "try: x = bytearray(1 << 60)\nexcept MemoryError: print('held')"},
      {"memory", "many children", "MLE", nullptr, R"(
for i in range(5):
    if os.fork() == 0:
        x = bytearray(b'x' * (20 << 20))
        time.sleep(1000)
time.sleep(1000))"},
      {"memory", "shared memory file", "MLE OK", nullptr, R"(
try:
    with open('/dev/shm/x', 'wb') as f:
        for i in range(200): f.write(b'x' * (1 << 20))
except OSError:
    print('held'))"},
      {"memory", "memfd", "MLE RE", nullptr, R"(
fd = os.memfd_create('x')
while True: os.write(fd, b'x' * (1 << 20)))"},
      {"memory", "anonymous shared map", "MLE", "", R"(
import mmap
m = mmap.mmap(-1, 256 << 20)
for i in range(0, 256 << 20, 4096): m[i] = 1)"},
      {"memory", "recursion", "RE MLE TLE", "", R"(
sys.setrecursionlimit(10 ** 9)
def f(x): return f([x, x]) + 1
f(0))"},
      {"memory", "string that doubles", "MLE", "",
       "x = 'x'\nwhile True: x += x"},
      {"memory", "pipes", "MLE RE TLE", nullptr, R"(
import fcntl
for i in range(60):
    r, w = os.pipe()
    os.set_blocking(w, False)
    try: fcntl.fcntl(w, 1031, 1 << 20)
    except OSError: pass
    try:
        while True: os.write(w, b'x' * 65536)
    except OSError: pass
raise SystemExit(1))"},
      {"memory", "locked", "OK", "held\n", "refused(lambda: libc.mlockall(3))"},

      {"disk", "bytes", "OK", "held\n", R"(
try:
    with open('x', 'wb') as f:
        for i in range(100): f.write(b'x' * (1 << 20))
    print('OUT')
except OSError:
    print('held'))"},
      {"disk", "many files", "OK", "held\n", R"(
try:
    for i in range(100000): open(f'f{i}', 'w').close()
    print('OUT')
except OSError:
    print('held'))"},
      {"disk", "sparse", "OK", "held\n",
       "refused(lambda: os.truncate(os.open('x', os.O_CREAT | os.O_RDWR), "
       "1 << 40))"},
      {"disk", "folders", "OK", "held\n", R"(
try:
    for i in range(100000):
        os.mkdir('d')
        os.chdir('d')
    print('OUT')
except OSError:
    print('held'))"},
      {"disk", "file that grew limits", "OK", "held\n", R"(
import resource
try: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, 1 << 40))
except ValueError: pass
try:
    for i in range(100): open(f'{i}', 'wb').write(b'x' * (1 << 20))
    print('OUT')
except OSError:
    print('held'))"},

      {"output", "flood", "OLE", nullptr, "while True: print('x' * 1000)"},
      {"output", "flood of errors", "OLE", "",
       "while True: print('x' * 1000, file=sys.stderr)"},
      {"output", "one line", "OLE", nullptr, "print('x' * (8 << 20))"},
      {"output", "binary", "OLE", nullptr,
       "while True: os.write(1, bytes(range(256)) * 256)"},
      {"output", "flood from children", "OLE", nullptr, R"(
for i in range(3):
    if os.fork() == 0:
        while True: os.write(1, b'y' * 65536)
time.sleep(1000))"},
      {"output", "through /dev/stdout", "OLE", nullptr,
       "f = open('/dev/stdout', 'w')\nwhile True: f.write('x' * 65536)"},
  };
}

}  // namespace r1

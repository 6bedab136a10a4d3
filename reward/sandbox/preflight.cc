#include "reward/sandbox/preflight.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace r1 {
namespace {

// A Python program and what it must come to. One that should be kept from
// something prints "held" if it is.
struct Probe {
  const char* name;
  const char* program;
  Verdict verdict = Verdict::kOk;
  const char* output = "held\n";  // null: anything
  bool is_for_full = false;
};

// Prints "held" if all statements of a list fail as they should.
#define R1_REFUSED(setup, ...)                   \
  "import os, ctypes\n" setup                    \
  "\nlibc = ctypes.CDLL(None, use_errno=True)\n" \
  "held = True\n"                                \
  "for attempt in [" __VA_ARGS__                 \
  "]:\n"                                         \
  "    try:\n"                                   \
  "        if attempt() != -1: held = False\n"   \
  "    except OSError:\n"                        \
  "        pass\n"                               \
  "print('held' if held else 'OUT')\n"

constexpr Probe kProbes[] = {
    {"an honest program runs", "print(sum(map(int, input().split())))",
     Verdict::kOk, "5\n"},
    {"no capability, no root",
     "s = open('/proc/self/status').read() if __import__('os').path.exists("
     "'/proc/self/status') else 'CapEff:\\t0\\nCapBnd:\\t0\\n'\n"
     "caps = [l.split()[1] for l in s.splitlines() if l[:3] == 'Cap']\n"
     "print('held' if all(int(c, 16) == 0 for c in caps) else 'OUT')"},
    {"no file of the host",
     "import os\n"
     "print('held' if not any(map(os.path.exists, ['/root', '/home', '/var', "
     "'/etc/shadow', '/sys', '/run', '/boot'])) else 'OUT')"},
    {"nothing writable but its folder",
     R1_REFUSED("",
                "lambda: open('/usr/bin/x', 'w'), lambda: open('/x', 'w'),"
                "lambda: open('/etc/passwd', 'a')")},
    {"no network",
     R1_REFUSED("import socket",
                "lambda: socket.socket(), lambda: "
                "socket.socket(socket.AF_UNIX), lambda: "
                "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),"
                "lambda: socket.socket(40)")},
    {"no other process",
     R1_REFUSED("",
                "lambda: os.kill(os.getppid(), 9) or -1, lambda: "
                "open('/proc/1/mem', 'rb'), lambda: 0 if len([p for p in "
                "os.listdir('/proc') if p.isdigit()]) > 2 else -1")},
    {"no tracing", R1_REFUSED("",
                              "lambda: libc.ptrace(0, 0, 0, 0), lambda: "
                              "libc.process_vm_readv(1, 0, 0, 0, 0, 0)")},
    {"no namespace, no mount",
     R1_REFUSED("",
                "lambda: libc.unshare(0x10000000), lambda: "
                "libc.unshare(0x20000), lambda: libc.mount(b'x', b'/box/tmp', "
                "b'tmpfs', 0, None), lambda: libc.umount2(b'/proc', 2), "
                "lambda: libc.chroot(b'/box')")},
    {"no kernel interface",
     R1_REFUSED("",
                // bpf, io_uring_setup, keyctl, perf_event_open, userfaultfd
                "lambda: libc.syscall(321, 0, 0, 0), lambda: "
                "libc.syscall(425, 1, 0), lambda: libc.syscall(250, 0, 0, 0), "
                "lambda: libc.syscall(298, 0, 0, 0, 0, 0), lambda: "
                "libc.syscall(323, 0)")},
    {"CPU time ends", "while True: pass", Verdict::kTimeLimit, ""},
    {"waiting ends",
     "import signal, time\n"
     "for s in range(1, 65):\n"
     "    try: signal.signal(s, signal.SIG_IGN)\n"
     "    except (OSError, ValueError): pass\n"
     "time.sleep(100)",
     Verdict::kTimeLimit, ""},
    {"output ends", "while True: print('x' * 65536)", Verdict::kOutputLimit,
     nullptr},
    {"disk ends",
     "held = False\n"
     "try:\n"
     "    for i in range(64):\n"
     "        open(f'/box/{i}', 'wb').write(bytes(1 << 20))\n"
     "except OSError:\n"
     "    held = True\n"
     "print('held' if held else 'OUT')"},
    {"memory ends", "x = []\nwhile True: x.append(bytearray(1 << 20))",
     Verdict::kMemoryLimit, "", true},
    {"processes end",
     "import os\nwhile True:\n"
     "    if os.fork() == 0:\n"
     "        __import__('time').sleep(9)",
     Verdict::kProcessLimit, "", true},
};

#undef R1_REFUSED

ProbeResult Try(const Probe& probe, Sandbox* sandbox) {
  RunRequest request;
  request.is_python = true;
  request.files = {{"main.py", probe.program}};
  request.standard_input = "2 3\n";
  request.limits.wall_ms = probe.verdict == Verdict::kTimeLimit ? 200 : 5000;
  request.limits.cpu_ms = probe.verdict == Verdict::kTimeLimit ? 100 : 4000;
  request.limits.memory_mb = 64;
  request.limits.processes = 8;
  request.limits.output_kb = 64;
  request.limits.disk_mb = 4;
  const RunResult run = sandbox->Run(request);
  ProbeResult result;
  result.name = probe.name;
  result.is_for_full = probe.is_for_full;
  result.is_contained =
      run.verdict == probe.verdict &&
      (probe.output == nullptr || run.standard_output == probe.output);
  if (!result.is_contained) {
    result.detail = absl::StrCat("expected ", VerdictName(probe.verdict),
                                 ", got ", VerdictName(run.verdict));
    if (!run.detail.empty()) absl::StrAppend(&result.detail, ": ", run.detail);
  }
  return result;
}

}  // namespace

const char* LevelName(SandboxLevel level) {
  switch (level) {
    case SandboxLevel::kNone:
      return "none";
    case SandboxLevel::kIsolated:
      return "isolated";
    case SandboxLevel::kFull:
      return "full";
  }
  return "none";
}

absl::StatusOr<SandboxLevel> ParseLevel(absl::string_view name) {
  for (const SandboxLevel level :
       {SandboxLevel::kNone, SandboxLevel::kIsolated, SandboxLevel::kFull}) {
    if (name == LevelName(level)) return level;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", name, "\" is no sandbox level: expected none, isolated or full"));
}

absl::Status Preflight::Require(SandboxLevel required) const {
  if (level >= required) return absl::OkStatus();
  std::vector<std::string> reasons;
  if (!problem.empty()) reasons.push_back(problem);
  for (const ProbeResult& probe : probes) {
    if (!probe.is_contained) {
      reasons.push_back(absl::StrCat(probe.name, " (", probe.detail, ")"));
    }
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "sandbox: untrusted code is refused: this machine reaches level ",
      LevelName(level), ", level ", LevelName(required),
      " is required; failed: ", absl::StrJoin(reasons, "; "),
      "; run as root or allow user namespaces, and see `r1 sandbox check`"));
}

Preflight RunPreflight(Sandbox* sandbox) {
  Preflight preflight;
  preflight.level = SandboxLevel::kFull;
  const LauncherReady& machine = sandbox->machine();
  if (machine.memory_cgroup == 0 || machine.pids_cgroup == 0) {
    preflight.level = SandboxLevel::kIsolated;
  }
  for (const Probe& probe : kProbes) {
    ProbeResult result = Try(probe, sandbox);
    if (!result.is_contained) {
      preflight.level =
          result.is_for_full && preflight.level != SandboxLevel::kNone
              ? SandboxLevel::kIsolated
              : SandboxLevel::kNone;
    }
    preflight.probes.push_back(std::move(result));
  }
  return preflight;
}

}  // namespace r1

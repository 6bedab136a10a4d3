// The sandbox beside another one: honest programs say the same in both, and
// what is refused in bubblewrap is refused in ours.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/pipeline/test_folder.h"
#include "tests/reward/sandbox/hostile_programs.h"
#include "tests/reward/sandbox/sandbox_testing.h"

namespace r1 {
namespace {

class BubblewrapTest : public SandboxTest {
 protected:
  void SetUp() override {
    SandboxTest::SetUp();
    if (!IsSkipped() && There("pass").second != 0) {
      GTEST_SKIP() << "needs a bubblewrap (bwrap) that starts";
    }
  }

  // Standard output, and the exit status as of waitpid.
  std::pair<std::string, int> There(const std::string& program) {
    const std::string path =
        folder_.Write("main.py", absl::StrCat(kHostilePrelude, program, "\n"));
    const std::string command = absl::StrCat(
        "bwrap --unshare-all --new-session --die-with-parent --clearenv "
        "--uid 65534 --gid 65534 --hostname sandbox --ro-bind /usr /usr "
        "--symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 "
        "/lib64 --proc /proc --dev /dev --tmpfs /tmp --tmpfs /box "
        "--ro-bind ",
        path,
        " /box/main.py --chdir /box --setenv PATH /usr/bin:/bin "
        "--setenv LANG C.UTF-8 /usr/bin/python3 -s -P -B /box/main.py "
        "</dev/null 2>/dev/null");
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string output;
    char bytes[4096];
    while (const size_t n = ::fread(bytes, 1, sizeof(bytes), pipe)) {
      output.append(bytes, n);
    }
    return {output, ::pclose(pipe)};
  }

  RunResult Here(const std::string& program) {
    return sandbox_->Run(
        PythonRun(absl::StrCat(kHostilePrelude, program, "\n")));
  }

  TestFolder folder_;
};

TEST_F(BubblewrapTest, HonestProgramsSayTheSame) {
  int count = 0;
  for (const HostileProgram& row : ProgramsThatLookHonest()) {
    const std::string kind = row.kind, name = row.name;
    if (kind != "control" && kind != "stdout") continue;
    if (name == "long integers") continue;  // an interpreter's own limit there
    const auto [output, status] = There(row.program);
    const RunResult run = Here(row.program);
    EXPECT_EQ(run.standard_output, output) << name;
    EXPECT_EQ(run.verdict == Verdict::kOk, status == 0) << name;
    // A shell stands between: a signal is 128 and its number there.
    const int code = run.signal != 0 ? 128 + run.signal : run.exit_code;
    EXPECT_EQ(code, WEXITSTATUS(status)) << name;
    ++count;
  }
  EXPECT_GE(count, 20);
}

// Prints the names of the attempts that succeed.
constexpr char kProbes[] = R"(
import mmap, socket, resource
b = ctypes.create_string_buffer(256)
def call(*a):
    if libc.syscall(*a) == -1: raise OSError()
def c(name, *a):
    if getattr(libc, name)(*a) == -1: raise OSError()
def write(path):
    with open(path, 'a'): pass
probes = {
    **{'read ' + p: lambda p=p: open(p).read(1) for p in (
        '/etc/shadow', '/root/.bashrc', '/proc/1/environ', '/proc/1/mem',
        '/proc/kcore', '/proc/kallsyms', '/proc/keys', '/dev/mem', '/dev/kvm',
        '/proc/sysrq-trigger', '/var/lib/dpkg/status', '/sys/kernel/notes')},
    **{'list ' + p: lambda p=p: os.listdir(p) for p in (
        '/root', '/home', '/var', '/sys', '/run', '/boot', '/proc/1/fd')},
    **{'write ' + p: lambda p=p: write(p) for p in (
        '/usr/x', '/usr/bin/env', '/etc/passwd', '/x', '/proc/sys/kernel/domainname',
        '/proc/self/oom_score_adj', '/proc/1/comm', '/box/main.py.x', '/tmp/x')},
    **{f'family {f} {t}': lambda f=f, t=t: socket.socket(f, t)
       for f in range(46) for t in (1, 2, 3, 5)},
    'abstract': lambda: socket.socket(1).bind('\0x'),
    **{f'unshare {f:x}': lambda f=f: c('unshare', f) for f in (
        0x10000000, 0x20000, 0x40000000, 0x20000000, 0x2000000)},
    'mount': lambda: c('mount', b'x', b'/tmp', b'tmpfs', 0, None),
    'bind': lambda: c('mount', b'/usr', b'/tmp', None, 4096, None),
    'umount': lambda: c('umount2', b'/proc', 2),
    'chroot': lambda: c('chroot', b'/tmp'),
    'hostname': lambda: c('sethostname', b'x', 1),
    'user': lambda: os.setuid(7), 'groups': lambda: os.setgroups([0]),
    'device': lambda: os.mknod('/tmp/d', 0o60600, os.makedev(8, 0)),
    'trace': lambda: c('ptrace', 16, 1, 0, 0),
    'clock': lambda: c('clock_settime', 0, b),
    'priority': lambda: os.setpriority(0, 0, -5),
    'files': lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20)),
    **{f'call {n}': lambda n=n: call(n, 0, b, 128, 0, 0) for n in (
        175, 246, 248, 250, 298, 304, 310, 311, 321, 323, 425, 428, 430, 438)},
}
for name, probe in probes.items():
    try: probe()
    except (OSError, ValueError): continue
    print(name)
)";

TEST_F(BubblewrapTest, WhatIsRefusedThereIsRefusedHere) {
  const auto [output, status] = There(kProbes);
  ASSERT_EQ(status, 0);
  const RunResult run = Here(kProbes);
  ASSERT_EQ(run.verdict, Verdict::kOk) << run.standard_error;
  const std::set<std::string> there = absl::StrSplit(output, '\n');
  const std::set<std::string> here = absl::StrSplit(run.standard_output, '\n');
  for (const std::string& name : here) {
    EXPECT_TRUE(there.contains(name)) << name << " succeeds";
  }
  // Both let a program write its own files, and only bubblewrap, which has no
  // filter of system calls, gives it sockets.
  EXPECT_NE(run.standard_output.find("write /tmp/x\n"), std::string::npos);
  EXPECT_TRUE(there.contains("abstract"));
  EXPECT_EQ(run.standard_output.find("family"), std::string::npos);
}

}  // namespace
}  // namespace r1

// A slot of the sandbox: one small static program with one thread, started by
// the program that wants code run and ended by the end of its socket.
//
// Two processes: the outer one stays in the host's view, and removes the
// cgroups when the inner one is gone. The inner one is PID 1 of a PID namespace
// of its own: whatever ends it ends all that it started.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "reward/sandbox/launcher/cgroup.h"
#include "reward/sandbox/launcher/inside.h"
#include "reward/sandbox/launcher/root.h"
#include "reward/sandbox/launcher/supervise.h"
#include "reward/sandbox/launcher/syscall_filter.h"
#include "reward/sandbox/message.h"
#include "reward/sandbox/protocol.h"

namespace r1 {
namespace {

// No two slots of a machine share names and users, whatever container they are
// in: PIDs may be equal in two.
uint64_t Random() {
  uint64_t random = 0;
  (void)!::getrandom(&random, sizeof(random), 0);
  return random;
}

// Users who exist in no password file. A namespace that has no such ones gets
// nobody's.
constexpr uint64_t kFirstUid = 1 << 28;
constexpr uint64_t kNobody = 65534;

uint64_t SlotUid() {
  std::ifstream map("/proc/self/uid_map");
  uint64_t inside = 0, outside = 0, count = 0;
  const uint64_t uid = kFirstUid + Random() % kFirstUid;
  while (map >> inside >> outside >> count) {
    if (uid >= inside && uid - inside < count) return uid;
  }
  return kNobody;
}

bool WriteText(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool is_done =
      ::write(fd, text.data(), text.size()) == ssize_t(text.size());
  ::close(fd);
  return is_done;
}

// An ordinary user gets namespaces as root of a user namespace of their own.
bool EnterUserNamespace() {
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  return ::unshare(CLONE_NEWUSER) == 0 &&
         WriteText("/proc/self/setgroups", "deny") &&
         WriteText("/proc/self/uid_map", "0 " + uid + " 1") &&
         WriteText("/proc/self/gid_map", "0 " + gid + " 1");
}

std::string GroupName() {
  return "r1-sandbox-" + std::to_string(::getpid()) + "-" +
         std::to_string(Random());
}

// The inner process, in its namespaces.
[[noreturn]] void Serve(const LauncherSetup& setup, SlotCgroup* cgroup,
                        uint64_t uid, bool has_user_namespace) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  LauncherReady ready;
  ready.error = EnterRoot(setup);
  std::string filter = SyscallFilter(cgroup->memory_version() != 0);
  if (ready.error.empty() && filter.empty()) {
    ready.error = "making the system call filter failed";
  }
  ready.has_user_namespace = has_user_namespace;
  ready.memory_cgroup = cgroup->memory_version();
  ready.pids_cgroup = cgroup->pids_version();
  ready.cpu_cgroup = cgroup->cpu_version();
  if (!SendMessage(kLauncherSocket, ready.Pack(), {}) || !ready.error.empty()) {
    ::_exit(0);
  }
  Slot slot(cgroup, std::move(filter), uid);
  std::string bytes;
  std::vector<int> channel;
  while (ReceiveMessage(kLauncherSocket, &bytes, &channel)) {
    if (bytes.size() <= 1) continue;  // a cancellation that came too late
    RunOrder order;
    RunFacts facts;
    if (order.Unpack(bytes)) {
      facts = slot.Run(order, channel, kLauncherSocket);
    } else {
      facts.error = "unreadable order";
    }
    if (!SendMessage(kLauncherSocket, facts.Pack(), {})) break;
    if (!cgroup->IsEmpty()) break;  // not fit for another run
  }
  ::_exit(0);
}

int Main() {
  ::syscall(SYS_close_range, kLauncherSocket + 1, ~0U, 0);
  ::signal(SIGPIPE, SIG_IGN);
  // Ctrl-C in a terminal is for the program, which then closes the socket.
  ::signal(SIGINT, SIG_IGN);
  ::setsid();
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_NAME, "r1-sandbox");  // not that of its descriptor
  std::string bytes;
  std::vector<int> fds;
  LauncherSetup setup;
  if (!ReceiveMessage(kLauncherSocket, &bytes, &fds) || !setup.Unpack(bytes)) {
    return 1;
  }
  SlotCgroup cgroup(GroupName());
  uint64_t uid = SlotUid();
  clone_args args = {};
  args.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC;
  args.exit_signal = SIGCHLD;
  bool has_user_namespace = false;
  long inner = ::syscall(SYS_clone3, &args, sizeof(args));
  if (inner < 0 && errno == EPERM) {
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // or /proc/self is root's
    has_user_namespace = EnterUserNamespace();
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    uid = kKeepUid;
    if (has_user_namespace) inner = ::syscall(SYS_clone3, &args, sizeof(args));
  }
  if (inner == 0) Serve(setup, &cgroup, uid, has_user_namespace);
  if (inner < 0) {
    LauncherReady ready;
    ready.error = std::string("making namespaces: ") + std::strerror(errno);
    SendMessage(kLauncherSocket, ready.Pack(), {});
  }
  ::close(kLauncherSocket);
  while (inner > 0 && ::waitpid(inner, nullptr, 0) < 0 && errno == EINTR) {
  }
  cgroup.Remove();
  return 0;
}

}  // namespace
}  // namespace r1

int main() { return r1::Main(); }

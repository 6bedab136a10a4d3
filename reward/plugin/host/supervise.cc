#include "reward/plugin/host/supervise.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace r1 {
namespace {

// Those whose parent is this process: also orphans, as it is their subreaper.
std::vector<pid_t> Children() {
  std::vector<pid_t> children;
  DIR* const processes = ::opendir("/proc");
  if (processes == nullptr) return children;
  while (const dirent* entry = ::readdir(processes)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    FILE* const file = std::fopen(path.c_str(), "re");
    if (file == nullptr) continue;
    char text[256] = "";
    const size_t size = std::fread(text, 1, sizeof(text) - 1, file);
    std::fclose(file);
    text[size] = 0;
    // "17 (a name) S 16 ...", and a name may have parentheses.
    const char* const end = std::strrchr(text, ')');
    int parent = 0;
    if (end != nullptr && std::sscanf(end + 1, " %*c %d", &parent) == 1 &&
        parent == ::getpid()) {
      children.push_back(pid);
    }
  }
  ::closedir(processes);
  return children;
}

// Reaps what has ended; whether the child has.
bool Reap(pid_t child, int flags, int* status) {
  int some = 0;
  bool has_ended = false;
  for (pid_t pid; (pid = ::waitpid(-1, &some, flags)) > 0;) {
    if (pid == child) *status = some;
    has_ended |= pid == child;
    if (flags == 0) break;
  }
  return has_ended;
}

[[noreturn]] void EndAs(int status) {
  if (WIFSIGNALED(status)) {
    const rlimit none = {0, 0};  // one memory image is enough
    ::setrlimit(RLIMIT_CORE, &none);
    ::signal(WTERMSIG(status), SIG_DFL);
    ::raise(WTERMSIG(status));
  }
  ::_exit(WEXITSTATUS(status));
}

}  // namespace

void Supervise(const std::function<int()>& run) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t child_signal;
  sigemptyset(&child_signal);
  sigaddset(&child_signal, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child_signal, nullptr);
  const pid_t self = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    std::perror("cannot start the reward's process");
    ::_exit(1);
  }
  if (child == 0) {
    ::sigprocmask(SIG_UNBLOCK, &child_signal, nullptr);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::exit(::getppid() == self ? run() : 1);
  }
  // The child's alone: its end is the end of the output.
  ::close(1);
  ::close(2);
  const int signals = ::signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
  pollfd events[] = {{0, 0, 0}, {signals, POLLIN, 0}};
  int status = 0;
  bool has_ended = false;
  while (!has_ended && (events[0].revents & (POLLHUP | POLLERR)) == 0) {
    ::poll(events, 2, -1);
    signalfd_siginfo news;
    while (::read(signals, &news, sizeof(news)) > 0) {
    }
    has_ended = Reap(child, WNOHANG, &status);
  }
  // Each that ends leaves its children to this process.
  for (auto left = Children(); !left.empty(); left = Children()) {
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    Reap(child, 0, &status);
  }
  EndAs(status);
}

}  // namespace r1

#include "pipeline/services/worker_processes.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "pipeline/process/exit_code.h"

namespace r1 {
namespace {

// A worker that lived for so long was healthy.
constexpr absl::Duration kHealthyLife = absl::Seconds(10);
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
constexpr absl::Duration kLongestPause = absl::Seconds(1);
// How often dead children are looked for.
constexpr int kPollMs = 50;

std::string DescribeDeath(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return absl::StrCat("was killed by signal ", WTERMSIG(wait_status), " (",
                        ::strsignal(WTERMSIG(wait_status)), ")");
  }
  return absl::StrCat("ended with code ", WEXITSTATUS(wait_status));
}

// In the child, between fork and exec: only async-signal-safe calls.
[[noreturn]] void ExecWorker(char* const* argv, int output, pid_t parent) {
  // A group of its own: Ctrl-C in the terminal is for the learner alone.
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before prctl
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::close_range(STDERR_FILENO + 1, ~0u, 0);
  ::execv("/proc/self/exe", argv);
  ::_exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerProcesses>> WorkerProcesses::Start(
    WorkerProcessOptions options) {
  std::unique_ptr<WorkerProcesses> processes(
      new WorkerProcesses(std::move(options)));
  if (::pipe2(processes->stop_pipe_, O_CLOEXEC) != 0) {
    return ErrnoStatus("cannot make", "a pipe", errno);
  }
  // All children are started by this one thread: the signal that ends them
  // with their parent comes when the thread that forked them ends.
  processes->thread_ = std::thread([p = processes.get()] { p->Supervise(); });
  return processes;
}

WorkerProcesses::~WorkerProcesses() {
  Stop(absl::ZeroDuration());
  for (const int fd : stop_pipe_) {
    if (fd >= 0) ::close(fd);
  }
}

void WorkerProcesses::Stop(absl::Duration grace) {
  if (!thread_.joinable()) return;
  grace_ms_ = absl::ToInt64Milliseconds(grace);
  const char byte = 0;
  while (::write(stop_pipe_[1], &byte, 1) < 0 && errno == EINTR) {
  }
  thread_.join();
}

void WorkerProcesses::Supervise() {
  for (int i = 1; i <= options_.count; ++i) {
    Worker& worker = workers_.emplace_back();
    worker.number = i;
    worker.restart_at = absl::InfinitePast();
  }
  while (!is_stopping_) {
    for (Worker& worker : workers_) {
      if (worker.pid >= 0) Reap(&worker);
      if (worker.pid >= 0 || is_ending_ || absl::Now() < worker.restart_at) {
        continue;
      }
      if (const absl::Status status = Spawn(&worker); !status.ok()) {
        worker.restart_at = absl::Now() + kLongestPause;
        LogWarning(status.message());
      }
    }
    WaitForEvent();
  }
  StopAll();
}

absl::Status WorkerProcesses::Spawn(Worker* worker) {
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) {
    return ErrnoStatus("cannot make", "a pipe", errno);
  }
  std::vector<std::string> arguments;
  for (const std::string& argument : options_.arguments) {
    arguments.push_back(
        absl::StrReplaceAll(argument, {{"{i}", absl::StrCat(worker->number)}}));
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) ExecWorker(argv.data(), output[1], parent);
  ::close(output[1]);
  if (pid < 0) {
    ::close(output[0]);
    return ErrnoStatus("cannot start", "a worker process", errno);
  }
  ::fcntl(output[0], F_SETFL, O_NONBLOCK);
  worker->pid = pid;
  worker->output = output[0];
  worker->started = absl::Now();
  return absl::OkStatus();
}

void WorkerProcesses::Reap(Worker* worker) {
  int wait_status = 0;
  if (::waitpid(worker->pid, &wait_status, WNOHANG) != worker->pid) return;
  worker->pid = -1;
  ReadOutput(worker);
  CloseOutput(worker);
  if (!is_stopping_ && !is_ending_) NoteDeath(worker, wait_status);
}

void WorkerProcesses::NoteDeath(Worker* worker, int wait_status) {
  const bool was_healthy = absl::Now() - worker->started > kHealthyLife;
  if (was_healthy) worker->failures = worker->kills = 0;
  // A scheduler signals all processes of a job: one that was asked to leave has
  // not failed.
  const bool was_stopped =
      WIFSIGNALED(wait_status) || WEXITSTATUS(wait_status) == kExitAgain;
  int& count = was_stopped ? worker->kills : worker->failures;
  ++count;
  const std::string what = absl::StrCat(options_.noun, " ", worker->number, " ",
                                        DescribeDeath(wait_status));
  if (options_.is_wanted && !options_.is_wanted(worker->number)) {
    worker->restart_at = absl::InfiniteFuture();
    options_.on_event(absl::StrCat(what, "; it is not started again"));
    return;
  }
  const bool is_hopeless =
      worker->failures >= kMaxFailures || worker->kills >= kMaxKills;
  if (is_hopeless) {
    worker->restart_at = absl::InfiniteFuture();
    if (!has_failed_) {
      has_failed_ = true;
      options_.on_failure(absl::FailedPreconditionError(
          absl::StrCat(what, ", ", count,
                       " times in a row: see its messages above, or run "
                       "without --workers")));
    }
    return;
  }
  const absl::Duration pause =
      std::min(kLongestPause, kFirstPause * (1 << std::min(count, 10)));
  worker->restart_at = absl::Now() + pause;
  options_.on_event(absl::StrCat(what, "; starting it again"));
}

void WorkerProcesses::ReadOutput(Worker* worker) {
  char buffer[4096];
  while (true) {
    const ssize_t n = ::read(worker->output, buffer, sizeof(buffer));
    if (n <= 0) return;  // nothing now, or closed: Reap will see why
    worker->partial.append(buffer, n);
    size_t end;
    while ((end = worker->partial.find('\n')) != std::string::npos) {
      LogInfo(absl::StrCat(options_.noun, " ", worker->number, ": ",
                           worker->partial.substr(0, end)));
      worker->partial.erase(0, end + 1);
    }
  }
}

void WorkerProcesses::CloseOutput(Worker* worker) {
  if (!worker->partial.empty()) {
    LogInfo(absl::StrCat(options_.noun, " ", worker->number, ": ",
                         worker->partial));
    worker->partial.clear();
  }
  ::close(worker->output);
  worker->output = -1;
}

void WorkerProcesses::WaitForEvent() {
  std::vector<struct pollfd> polled = {{stop_pipe_[0], POLLIN, 0}};
  for (const Worker& worker : workers_) {
    if (worker.output >= 0) polled.push_back({worker.output, POLLIN, 0});
  }
  ::poll(polled.data(), polled.size(), kPollMs);
  if (polled[0].revents != 0) is_stopping_ = true;
  for (Worker& worker : workers_) {
    if (worker.output >= 0) ReadOutput(&worker);
  }
}

bool WorkerProcesses::AnyAlive() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const Worker& w) { return w.pid >= 0; });
}

void WorkerProcesses::StopAll() {
  const absl::Time deadline =
      absl::Now() + absl::Milliseconds(grace_ms_.load());
  for (const Worker& worker : workers_) {
    if (worker.pid >= 0) ::kill(worker.pid, SIGTERM);
  }
  bool has_killed = false;
  while (AnyAlive()) {
    if (!has_killed && absl::Now() >= deadline) {
      has_killed = true;
      for (const Worker& worker : workers_) {
        if (worker.pid >= 0) ::kill(worker.pid, SIGKILL);
      }
    }
    // The stop pipe stays readable, so this only waits for output.
    std::vector<struct pollfd> polled;
    for (const Worker& worker : workers_) {
      if (worker.output >= 0) polled.push_back({worker.output, POLLIN, 0});
    }
    ::poll(polled.data(), polled.size(), kPollMs / 10);
    for (Worker& worker : workers_) {
      if (worker.output >= 0) ReadOutput(&worker);
      if (worker.pid >= 0) Reap(&worker);
    }
  }
}

}  // namespace r1

#include "reward/sandbox/launcher/supervise.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "reward/sandbox/launcher/pipes.h"
#include "reward/sandbox/launcher/proc_cpu.h"
#include "reward/sandbox/message.h"

namespace r1 {
namespace {

// The longest time between two looks at the counters, and the shortest.
constexpr int64_t kLongestTickUs = 20000, kShortestTickUs = 1000;
constexpr int kNumCores = 64;  // how much faster than the clock CPU time runs

int64_t NowUs() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1000000} + now.tv_nsec / 1000;
}

// Watches one run from its start to the death of its init.
class Watch {
 public:
  Watch(const RunOrder& order, const SlotCgroup& cgroup, int control,
        int64_t start_us, pid_t init, pid_t zygote, Pipes* pipes,
        RunFacts* facts)
      : order_(order),
        cgroup_(cgroup),
        control_(control),
        start_us_(start_us),
        init_(init),
        zygote_(zygote),
        pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, init, 0))),
        pipes_(pipes),
        facts_(facts) {
    ::fcntl(pidfd_, F_SETFD, FD_CLOEXEC);
  }
  ~Watch() { CloseFd(&pidfd_); }

  void UntilTheEnd() {
    bool has_ended = pidfd_ < 0;
    while (!has_ended) {
      has_ended = Poll();
      if (!has_ended && MustEnd()) break;
    }
    facts_->wall_us = NowUs() - start_us_;
    // The kernel kills what is left in the init's PID namespace, and the wait
    // returns when all of it is gone.
    ::kill(init_, SIGKILL);
    while (::waitpid(init_, nullptr, __WALL) < 0 && errno == EINTR) {
    }
    // All writers are dead: what they wrote is in the pipes.
    pipes_->output.Read();
    pipes_->error.Read();
    facts_->is_over_output = pipes_->output.is_over || pipes_->error.is_over;
  }

 private:
  // Moves bytes until the next look at the counters. True: the init is gone.
  bool Poll() {
    pollfd fds[4] = {{pidfd_, POLLIN, 0},
                     {control_, POLLIN, 0},
                     {pipes_->output.fd, POLLIN, 0},
                     {pipes_->error.fd, POLLIN, 0}};
    const int64_t tick = TickUs();
    const timespec timeout = {tick / 1000000, tick % 1000000 * 1000};
    if (::ppoll(fds, 4, &timeout, nullptr) <= 0) return false;
    if (fds[1].revents != 0) {
      std::string word;
      std::vector<int> none;
      if (!ReceiveMessage(control_, &word, &none)) ::_exit(0);
      facts_->is_cancelled = 1;
    }
    if (fds[2].revents != 0) pipes_->output.Read();
    if (fds[3].revents != 0) pipes_->error.Read();
    return fds[0].revents != 0;
  }

  // CPU time cannot pass its limit before this much time did.
  int64_t TickUs() const {
    int64_t tick =
        static_cast<int64_t>(order_.wall_us) - (NowUs() - start_us_) + 1;
    if (cgroup_.cpu_version() != 0) {
      const int64_t left = static_cast<int64_t>(order_.cpu_us) - last_cpu_us_;
      tick = std::min(tick, std::max(left / kNumCores, kShortestTickUs));
    }
    return std::clamp<int64_t>(tick, 0, kLongestTickUs);
  }

  bool MustEnd() {
    if (NowUs() - start_us_ > static_cast<int64_t>(order_.wall_us)) {
      facts_->is_over_wall = 1;
    }
    last_cpu_us_ = cgroup_.cpu_version() != 0 ? cgroup_.CpuMicros()
                                              : ProcCpuMicros(zygote_);
    facts_->cpu_us = last_cpu_us_;
    if (last_cpu_us_ > static_cast<int64_t>(order_.cpu_us)) {
      facts_->is_over_cpu = 1;
    }
    return facts_->is_over_wall || facts_->is_over_cpu ||
           facts_->is_cancelled || pipes_->output.is_over ||
           pipes_->error.is_over || cgroup_.RefusedForks() > 0 ||
           cgroup_.OomKills() > 0;
  }

  const RunOrder& order_;
  const SlotCgroup& cgroup_;
  const int control_;
  const int64_t start_us_;
  const pid_t init_, zygote_;
  int pidfd_;
  Pipes* pipes_;
  RunFacts* facts_;
  int64_t last_cpu_us_ = 0;
};

void TakeFetched(int fd, std::string* content) {
  struct stat info = {};
  if (fd < 0 || ::fstat(fd, &info) != 0) return;
  content->resize(info.st_size);
  size_t done = 0;
  while (done < content->size()) {
    const ssize_t n =
        ::pread(fd, content->data() + done, content->size() - done, done);
    if (n <= 0) return content->clear();
    done += n;
  }
}

void TakeReport(int fd, const RunOrder& order, const SlotCgroup& cgroup,
                RunFacts* facts) {
  RunReport report = {};
  if (::read(fd, &report, sizeof(report)) == sizeof(report)) {
    report.failed_step[sizeof(report.failed_step) - 1] = '\0';
    if (report.failed_step[0] != '\0') {
      facts->error = std::string(report.failed_step) + ": " +
                     std::strerror(report.failed_errno);
    } else {
      facts->has_ended = 1;
      facts->wait_status = report.wait_status;
    }
  }
  facts->oom_kills = cgroup.OomKills();
  facts->refused_forks = cgroup.RefusedForks();
  facts->cpu_us = cgroup.cpu_version() != 0
                      ? cgroup.CpuMicros()
                      : std::max(facts->cpu_us, report.cpu_us);
  facts->peak_bytes = cgroup.PeakBytes();
  if (facts->peak_bytes == 0) facts->peak_bytes = report.peak_bytes;
  if (facts->cpu_us > order.cpu_us) facts->is_over_cpu = 1;
}

}  // namespace

int Slot::Zygote() {
  if (zygote_ >= 0) return zygote_;
  if (zygote_pid_ > 0) ::waitpid(zygote_pid_, nullptr, 0);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return -1;
  }
  zygote_pid_ = ::fork();
  if (zygote_pid_ == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd : {0, 1, 2}) ::dup2(null, fd);
    if (ends[1] == 3) {
      ::fcntl(3, F_SETFD, 0);
    } else {
      ::dup2(ends[1], 3);
    }
    ::syscall(SYS_close_range, 4, ~0U, 0);
    const char* argv[] = {"/usr/bin/python3", "-s",   "-P", "-B",
                          "/r1/zygote.py",    nullptr};
    ::execve(argv[0], const_cast<char**>(argv),
             const_cast<char**>(kEnvironment));
    ::_exit(127);
  }
  ::close(ends[1]);
  char ready;
  ssize_t n;
  do {
    n = ::read(ends[0], &ready, 1);
  } while (n < 0 && errno == EINTR);
  if (zygote_pid_ < 0 || n != 1) {
    ::close(ends[0]);
    return -1;
  }
  return zygote_ = ends[0];
}

int Slot::StartInZygote(const RunFds& fds) {
  int places[kNumRunFds];
  std::memcpy(places, &fds, sizeof(places));
  std::string is_present(kNumRunFds, '\0');
  std::vector<int> present;
  for (int i = 0; i < kNumRunFds; ++i) {
    if (places[i] < 0) continue;
    is_present[i] = 1;
    present.push_back(places[i]);
  }
  int32_t pid = 0;
  if (SendMessage(zygote_, is_present, present) &&
      ::recv(zygote_, &pid, sizeof(pid), MSG_WAITALL) == sizeof(pid)) {
    return pid;
  }
  CloseFd(&zygote_);
  return -EPIPE;
}

int Slot::Start(const RunFds& fds, bool is_python) {
  return is_python ? StartInZygote(fds) : StartRun(fds, /*as_sibling=*/false);
}

RunFacts Slot::Run(const RunOrder& order, const std::vector<int>& channel,
                   int control) {
  RunFacts facts;
  Pipes pipes;
  if (channel.size() == 2) {
    pipes.inside.channel_in = channel[0];
    pipes.inside.channel_out = channel[1];
  }
  RunSpec spec;
  spec.order = order;
  spec.order.standard_input.clear();
  spec.uid = uid_;
  spec.has_memory_cgroup = cgroup_->memory_version();
  spec.has_pids_cgroup = cgroup_->pids_version();
  spec.filter = filter_;
  if (!pipes.Open(order, spec.Pack())) {
    facts.error = std::string("opening pipes: ") + std::strerror(errno);
    return facts;
  }
  if (order.is_python != 0 && Zygote() < 0) {
    facts.error =
        "the Python fork server does not start: is python3 with its "
        "standard library installed in /usr?";
    return facts;
  }
  cgroup_->AwaitMemory();
  if (!cgroup_->Begin(order.memory_bytes, order.processes)) {
    facts.error = "setting the limits of the cgroups failed";
    return facts;
  }
  cgroup_->FillFds(&pipes.inside);
  const int64_t start_us = NowUs();
  const int init = Start(pipes.inside, order.is_python != 0);
  if (init < 0) {
    facts.error = std::string("cloning a run: ") + std::strerror(-init);
    return facts;
  }
  pipes.CloseInside();
  Watch(order, *cgroup_, control, start_us, init, zygote_pid_, &pipes, &facts)
      .UntilTheEnd();
  TakeReport(pipes.report, order, *cgroup_, &facts);
  TakeFetched(pipes.fetch, &facts.fetched);
  facts.standard_output = std::move(pipes.output.text);
  facts.standard_error = std::move(pipes.error.text);
  if (!cgroup_->IsEmpty()) {
    facts.error =
        "a process was left in the cgroup after the end of its PID "
        "namespace";
  }
  return facts;
}

}  // namespace r1

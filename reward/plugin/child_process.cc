#include "reward/plugin/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"

extern char** environ;

namespace r1 {
namespace {

constexpr size_t kMaxLineBytes = 1 << 20;
// Descriptors of the child while its own are being set up.
constexpr int kFirstSpare = 500;
// How long it may take to end what it has started; not to be waited for if it
// was stopped itself.
constexpr absl::Duration kEndLimit = absl::Seconds(30);

struct Pipe {
  int read = -1, write = -1;
  ~Pipe() {
    if (read >= 0) ::close(read);
    if (write >= 0) ::close(write);
  }
  bool Open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
};

int Release(int* fd) { return std::exchange(*fd, -1); }

void MakeNonBlocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// posix_spawn is safe in a program with threads. Descriptors go by way of spare
// numbers: dup2 of one to itself would leave it closed on exec.
int Spawn(const ChildCommand& command, const Pipe& input, const Pipe& output,
          const Pipe& errors, pid_t* pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int sources[] = {input.read, output.write, errors.write,
                         command.extra_fd, command.program_fd};
  for (int i = 0; i < 5; ++i) {
    if (sources[i] < 0) continue;
    posix_spawn_file_actions_adddup2(&actions, sources[i], kFirstSpare + i);
  }
  for (int i = 0; i < 4; ++i) {
    if (sources[i] < 0) continue;
    posix_spawn_file_actions_adddup2(&actions, kFirstSpare + i, i);
  }
  for (int i = 0; i < 4; ++i) {
    if (sources[i] < 0) continue;
    posix_spawn_file_actions_addclose(&actions, kFirstSpare + i);
  }
  posix_spawn_file_actions_addclosefrom_np(&actions, kFirstSpare + 5);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                            POSIX_SPAWN_SETSIGDEF |
                                            POSIX_SPAWN_SETPGROUP);
  std::vector<char*> argv;
  for (const std::string& word : command.argv) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  const std::string program = absl::StrCat("/proc/self/fd/", kFirstSpare + 4);
  const int error = posix_spawn(pid, program.c_str(), &actions, &attributes,
                                argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

}  // namespace

void BlockBrokenPipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const ChildCommand& command) {
  Pipe input, output, errors;
  if (!input.Open() || !output.Open() || !errors.Open()) {
    return ErrnoStatus("cannot start", command.argv[0], errno);
  }
  std::unique_ptr<ChildProcess> child(new ChildProcess());
  const int error = Spawn(command, input, output, errors, &child->pid_);
  if (error != 0) return ErrnoStatus("cannot start", command.argv[0], error);
  child->input_ = Release(&input.write);
  child->output_.fd = Release(&output.read);
  child->errors_.fd = Release(&errors.read);
  for (int fd : {child->input_, child->output_.fd, child->errors_.fd}) {
    MakeNonBlocking(fd);
  }
  return child;
}

ChildProcess::~ChildProcess() { Stop(""); }

void ChildProcess::Write(absl::string_view line) {
  absl::StrAppend(&to_write_, line, "\n");
}

void ChildProcess::WriteSome() {
  size_t done = 0;
  while (done < to_write_.size()) {
    const ssize_t n =
        ::write(input_, to_write_.data() + done, to_write_.size() - done);
    if (n > 0) {
      done += n;
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else {
      // Full; or nobody reads, which the end of its output will show.
      if (errno != EAGAIN) done = to_write_.size();
      break;
    }
  }
  to_write_.erase(0, done);
}

void ChildProcess::Read(Stream* stream, std::vector<std::string>* lines) {
  char chunk[1 << 16];
  const ssize_t n = ::read(stream->fd, chunk, sizeof(chunk));
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    ::close(Release(&stream->fd));
    if (!stream->partial.empty()) lines->push_back(std::move(stream->partial));
    return;
  }
  absl::string_view rest(chunk, n);
  for (;;) {
    const size_t end = rest.find('\n');
    const absl::string_view part = rest.substr(0, end);
    const size_t room = kMaxLineBytes - stream->partial.size();
    absl::StrAppend(&stream->partial, part.substr(0, room));
    if (end == rest.npos) return;
    lines->push_back(std::move(stream->partial));
    stream->partial.clear();
    rest.remove_prefix(end + 1);
  }
}

void ChildProcess::Exchange(absl::Time deadline, int wake_fd,
                            std::vector<std::string>* output,
                            std::vector<std::string>* errors) {
  const absl::Duration wait =
      std::clamp(deadline - absl::Now(), absl::ZeroDuration(), absl::Hours(1));
  const bool writes = !to_write_.empty() && input_ >= 0;
  // A negative descriptor is skipped.
  pollfd fds[] = {{output_.fd, POLLIN, 0},
                  {errors_.fd, POLLIN, 0},
                  {writes ? input_ : -1, POLLOUT, 0},
                  {wake_fd, POLLIN, 0}};
  // Rounded up: no busy loop just before the deadline.
  const int64_t ms = absl::ToInt64Milliseconds(wait + absl::Microseconds(999));
  if (::poll(fds, 4, static_cast<int>(ms)) <= 0) return;
  if (fds[2].revents != 0) WriteSome();
  if (fds[1].revents != 0) Read(&errors_, errors);
  if (fds[0].revents != 0) Read(&output_, output);
}

std::string ChildProcess::Stop(const std::string& kill) {
  for (int* fd : {&input_, &output_.fd, &errors_.fd}) {
    if (*fd >= 0) ::close(Release(fd));
  }
  if (pid_ < 0) return kill;
  int status = 0;
  bool has_ended = false;
  const absl::Time limit = absl::Now() + kEndLimit;
  while (!has_ended && absl::Now() < limit) {
    has_ended = ::waitpid(pid_, &status, WNOHANG) == pid_;
    if (!has_ended) absl::SleepFor(absl::Milliseconds(1));
  }
  ::kill(-pid_, SIGKILL);
  while (!has_ended && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (!kill.empty() || !has_ended) return kill;
  if (WIFSIGNALED(status)) {
    return absl::StrCat("ended by signal ", WTERMSIG(status), " (",
                        ::strsignal(WTERMSIG(status)), ")");
  }
  return absl::StrCat("exited with status ", WEXITSTATUS(status));
}

}  // namespace r1

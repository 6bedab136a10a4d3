#include "reward/sandbox/launcher_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "reward/sandbox/embed_file.h"
#include "reward/sandbox/message.h"

R1_EMBED_FILE(r1_launcher, R1_LAUNCHER_FILE);

namespace r1 {
namespace {

// The launcher as a file in memory that nobody can change any more; shared by
// all that are started, for the life of the program.
absl::StatusOr<int> LauncherFile() {
  static const int file = SealedFile("r1-launcher", R1_EMBEDDED(r1_launcher));
  if (file < 0) {
    return absl::UnavailableError("sandbox: no memory for the launcher");
  }
  return file;
}

// posix_spawn is safe in a program with threads. The child gets the socket as
// kLauncherSocket, keeps standard error, and starts with an empty environment.
absl::StatusOr<pid_t> Spawn(int file, int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, 0, 1);
  // dup2 of a descriptor to itself would keep it closed on exec: by way of
  // another number.
  posix_spawn_file_actions_adddup2(&actions, socket, 500);
  posix_spawn_file_actions_adddup2(&actions, file, 501);
  posix_spawn_file_actions_adddup2(&actions, 500, kLauncherSocket);
  posix_spawn_file_actions_addclosefrom_np(&actions, 502);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  char name[] = "r1-sandbox";
  char* argv[] = {name, nullptr};
  char* env[] = {nullptr};
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, "/proc/self/fd/501", &actions, &attributes, argv, env);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return ErrnoStatus("sandbox:", "starting the launcher", error);
  return pid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LauncherProcess>> LauncherProcess::Start(
    const LauncherSetup& setup) {
  R1_ASSIGN_OR_RETURN(const int file, LauncherFile());
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus("sandbox:", "socketpair", errno);
  }
  const absl::StatusOr<pid_t> pid = Spawn(file, ends[1]);
  ::close(ends[1]);
  if (!pid.ok()) {
    ::close(ends[0]);
    return pid.status();
  }
  auto launcher =
      std::unique_ptr<LauncherProcess>(new LauncherProcess(ends[0], *pid));
  std::string bytes;
  std::vector<int> none;
  if (!SendMessage(ends[0], setup.Pack(), {}) ||
      !ReceiveMessage(ends[0], &bytes, &none) ||
      !launcher->ready_.Unpack(bytes)) {
    return absl::FailedPreconditionError(
        "sandbox: the launcher ended at its start");
  }
  if (!launcher->ready_.error.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("sandbox: ", launcher->ready_.error));
  }
  return launcher;
}

LauncherProcess::~LauncherProcess() {
  ::close(socket_);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

absl::Status LauncherProcess::Begin(const RunOrder& order,
                                    const std::vector<int>& channel) {
  if (SendMessage(socket_, order.Pack(), channel)) return absl::OkStatus();
  return absl::UnavailableError("sandbox: the launcher is gone");
}

absl::StatusOr<RunFacts> LauncherProcess::Finish() {
  std::string bytes;
  std::vector<int> none;
  RunFacts facts;
  if (!ReceiveMessage(socket_, &bytes, &none) || !facts.Unpack(bytes)) {
    return absl::UnavailableError("sandbox: the launcher ended during a run");
  }
  return facts;
}

void LauncherProcess::Cancel() { SendMessage(socket_, kCancel, {}); }

}  // namespace r1

#include "reward/sandbox/launcher/inside.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "reward/sandbox/launcher/landlock.h"

namespace r1 {
namespace {

constexpr int kReportFd = 200;  // above all others of a run
constexpr uint64_t kStackBytes = 64 << 20;
// Files that no cgroup counts may each be as large as all files together.
constexpr uint64_t kOpenFiles = 128, kUncountedOpenFiles = 32;

int report_fd = -1;

// Tells the launcher which step failed and ends the process.
[[noreturn]] void Fail(const char* step) {
  RunReport report = {};
  report.failed_errno = errno;
  std::snprintf(report.failed_step, sizeof(report.failed_step), "%s", step);
  (void)!::write(report_fd, &report, sizeof(report));
  ::_exit(1);
}

void Require(bool is_done, const char* step) {
  if (!is_done) Fail(step);
}

std::string ReadAll(int fd) {
  struct stat info = {};
  Require(::fstat(fd, &info) == 0, "stat of the run's description");
  std::string bytes(info.st_size, '\0');
  Require(::pread(fd, bytes.data(), bytes.size(), 0) == info.st_size,
          "reading the run's description");
  return bytes;
}

void EnterCgroups(const RunFds& fds) {
  for (int fd : fds.cgroup_tasks) {
    if (fd < 0) continue;
    Require(::write(fd, "0", 1) == 1, "entering a cgroup");
  }
  ::unshare(CLONE_NEWCGROUP);  // hides the names; not a limit, so may fail
}

// The working folder is a fresh tmpfs, also behind /tmp and /dev/shm; /proc
// shows this PID namespace. All else is the launcher's read-only root.
void MountView(const RunSpec& spec) {
  char options[96];
  // An inode a 4 KiB page, and some for empty files.
  std::snprintf(
      options, sizeof(options), "size=%llu,nr_inodes=%llu,mode=0755",
      static_cast<unsigned long long>(spec.order.disk_bytes),
      static_cast<unsigned long long>(spec.order.disk_bytes / 4096 + 64));
  Require(::mount("box", "/box", "tmpfs", MS_NOSUID | MS_NODEV, options) == 0,
          "mounting /box");
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (::mount("proc", "/proc", "proc", flags, "subset=pid") != 0 &&
      ::mount("proc", "/proc", "proc", flags, nullptr) != 0) {
    // Where another mount hides parts of /proc the kernel gives none to a user
    // namespace: then there is an empty one, over the launcher's.
    Require(::mount("none", "/proc", "tmpfs", flags | MS_RDONLY, nullptr) == 0,
            "hiding /proc");
  }
  for (const char* folder : {"/box/tmp", "/box/shm"}) {
    Require(::mkdir(folder, 01777) == 0 && ::chmod(folder, 01777) == 0, folder);
  }
  ::sethostname("sandbox", 7);
}

void WriteFiles(const RunSpec& spec) {
  for (const RunOrder::File& file : spec.order.files) {
    const std::string path = "/box/" + file.name;
    const int fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0755);
    Require(fd >= 0, "creating a file of the run");
    size_t done = 0;
    while (done < file.content.size()) {
      const ssize_t n =
          ::write(fd, file.content.data() + done, file.content.size() - done);
      Require(n > 0, "writing a file of the run (disk limit?)");
      done += n;
    }
    ::close(fd);
  }
  if (spec.uid != kKeepUid) {
    Require(::chown("/box", spec.uid, spec.uid) == 0, "giving /box away");
  }
}

void Limit(int what, uint64_t value) {
  // A hard limit that is lower already stays.
  rlimit limit = {};
  ::getrlimit(static_cast<__rlimit_resource>(what), &limit);
  limit.rlim_max = std::min<uint64_t>(limit.rlim_max, value);
  limit.rlim_cur = limit.rlim_max;
  Require(::setrlimit(static_cast<__rlimit_resource>(what), &limit) == 0,
          "setrlimit");
}

void SetLimits(const RunSpec& spec) {
  Limit(RLIMIT_CORE, 0);
  Limit(RLIMIT_NOFILE,
        spec.has_memory_cgroup != 0 ? kOpenFiles : kUncountedOpenFiles);
  Limit(RLIMIT_FSIZE, spec.order.disk_bytes);
  Limit(RLIMIT_STACK, kStackBytes);
  Limit(RLIMIT_MEMLOCK, 0);
  Limit(RLIMIT_MSGQUEUE, 0);
  // Behind the launcher's own clock: a whole second later, and a process.
  Limit(RLIMIT_CPU, spec.order.cpu_us / 1000000 + 2);
  // Where no cgroup counts, each process is held and their number with it.
  if (spec.has_memory_cgroup == 0) Limit(RLIMIT_AS, spec.order.memory_bytes);
  if (spec.has_pids_cgroup == 0) {
    Limit(RLIMIT_NPROC, spec.order.processes + 1);
  }
}

// An ordinary user without any way to become another, or to get a capability.
void DropPrivileges(const RunSpec& spec) {
  for (int cap = 0; ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; ++cap) {
    Require(::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0, "capability bounds");
  }
  Require(::prctl(PR_SET_SECUREBITS,
                  SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
                      SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED,
                  0, 0, 0) == 0,
          "secure bits");
  if (spec.uid != kKeepUid) {
    const uid_t uid = spec.uid;
    Require(::setgroups(0, nullptr) == 0, "dropping groups");
    Require(::setresgid(uid, uid, uid) == 0, "setting the group");
    Require(::setresuid(uid, uid, uid) == 0, "setting the user");
  }
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  Require(::syscall(SYS_capset, &header, none) == 0, "dropping capabilities");
  // A change of user makes /proc/self root's; /dev/stdin leads through it.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  Require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
}

void InstallFilter(const RunSpec& spec) {
  sock_fprog program = {};
  program.len = spec.filter.size() / sizeof(sock_filter);
  program.filter =
      reinterpret_cast<sock_filter*>(const_cast<char*>(spec.filter.data()));
  Require(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0,
          "installing the system call filter");
}

// Puts the streams at 0, 1, 2, the channel at 3 and 4, and closes all else
// but the report, which an exec closes.
void ArrangeDescriptors(const RunFds& fds) {
  // From above 100 so that none is overwritten before it is used.
  const int sources[] = {fds.input, fds.output, fds.error, fds.channel_in,
                         fds.channel_out};
  int copies[5] = {-1, -1, -1, -1, -1};
  for (int i = 0; i < 5; ++i) {
    if (sources[i] < 0) continue;
    copies[i] = ::fcntl(sources[i], F_DUPFD, 100);
    Require(copies[i] >= 0, "copying descriptors");
  }
  int num_kept = 3;
  for (int i = 0; i < 5; ++i) {
    if (copies[i] < 0) continue;
    Require(::dup2(copies[i], i) == i, "placing descriptors");
    num_kept = std::max(num_kept, i + 1);
  }
  Require(::syscall(SYS_close_range, num_kept, kReportFd - 1, 0) == 0 &&
              ::syscall(SYS_close_range, kReportFd + 1, ~0U, 0) == 0,
          "closing descriptors");
}

// Returns in a forked Python only.
void BecomeProgram(const RunSpec& spec, const RunFds& fds) {
  ArrangeDescriptors(fds);
  // A group of its own, so that signals to the group stay inside.
  Require(::setpgid(0, 0) == 0, "setpgid");
  Require(::chdir("/box") == 0, "entering /box");
  ::umask(022);
  ::signal(SIGPIPE, SIG_DFL);
  SetLimits(spec);
  DropPrivileges(spec);
  Require(HoldFiles(), "the file rules of Landlock");
  InstallFilter(spec);
  if (spec.order.is_python != 0) {
    ::signal(SIGPIPE, SIG_IGN);  // as Python has it
    ::close(kReportFd);
    return;
  }
  std::vector<char*> argv;
  for (const std::string& word : spec.order.argv) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  ::execve(argv[0], argv.data(), const_cast<char**>(kEnvironment));
  Fail(("executing " + spec.order.argv[0]).c_str());
}

// Copies at most the limit; a program may have put anything under the name.
void Fetch(const RunSpec& spec, int target) {
  const std::string path = "/box/" + spec.order.fetch;
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat info = {};
  if (fd < 0 || ::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return;
  if (static_cast<uint64_t>(info.st_size) > spec.order.fetch_bytes) return;
  off_t offset = 0;
  while (offset<info.st_size&& ::sendfile(target, fd, &offset,
                                          info.st_size - offset)> 0) {
  }
}

[[noreturn]] void WaitForProgram(const RunSpec& spec, const RunFds& fds,
                                 pid_t program) {
  // The program may not look into this process; it cannot signal its init.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // Nor does it keep what the launcher had open, e.g. the pipes' other ends.
  const int fetch =
      fds.fetch < 0 ? -1 : ::dup3(fds.fetch, kReportFd + 1, O_CLOEXEC);
  ::syscall(SYS_close_range, 0, kReportFd - 1, 0);
  ::syscall(SYS_close_range, kReportFd + 2, ~0U, 0);
  RunReport report = {};
  rusage usage = {};
  pid_t pid;
  do {
    pid = ::wait4(-1, &report.wait_status, 0, &usage);
  } while (pid != program && (pid > 0 || errno == EINTR));
  Require(pid == program, "waiting for the program");
  const auto micros = [](const timeval& t) {
    return static_cast<uint64_t>(t.tv_sec) * 1000000 + t.tv_usec;
  };
  report.cpu_us = micros(usage.ru_utime) + micros(usage.ru_stime);
  report.peak_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  if (fetch >= 0 && report.wait_status == 0) {
    ::kill(-1, SIGKILL);  // nobody changes the file while it is read
    while (::wait4(-1, nullptr, 0, nullptr) > 0) {
    }
    Fetch(spec, fetch);
  }
  (void)!::write(report_fd, &report, sizeof(report));
  ::_exit(0);
}

// PID 1. Returns in the program of a forked Python only.
void BecomeInit(const RunFds& fds) {
  report_fd = ::dup3(fds.report, kReportFd, O_CLOEXEC);
  if (report_fd < 0) ::_exit(1);
  RunSpec spec;
  Require(spec.Unpack(ReadAll(fds.spec)), "unpacking the run's description");
  EnterCgroups(fds);
  MountView(spec);
  WriteFiles(spec);
  if (spec.uid != kKeepUid) {
    // So that /dev/stdin and its like can be opened.
    for (int fd : {fds.input, fds.output, fds.error}) {
      (void)!::fchown(fd, spec.uid, spec.uid);
    }
  }
  const pid_t program = ::fork();
  Require(program >= 0, "forking the program");
  if (program > 0) WaitForProgram(spec, fds, program);
  BecomeProgram(spec, fds);
}

}  // namespace

int StartRun(const RunFds& fds, bool as_sibling) {
  clone_args args = {};
  args.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
  args.exit_signal = as_sibling ? 0 : SIGCHLD;  // a sibling's is the caller's
  if (as_sibling) args.flags |= CLONE_PARENT;
  if (fds.cgroup_v2 >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = fds.cgroup_v2;
  }
  const long pid = ::syscall(SYS_clone3, &args, sizeof(args));
  if (pid < 0) return -errno;
  if (pid > 0) return static_cast<int>(pid);
  BecomeInit(fds);
  return 0;
}

}  // namespace r1

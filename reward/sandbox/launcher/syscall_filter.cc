#include "reward/sandbox/launcher/syscall_filter.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace r1 {
namespace {

// What interpreters, compilers and ordinary programs use. Not here, and so
// refused: sockets, ptrace and its relatives, mounts, namespaces, keys, bpf,
// perf, io_uring, userfaultfd, modules, clocks, swap, file handles, and what
// moves pages of the host's files about.
constexpr const char* kAllowed[] = {
    // clang-format off
    "access", "alarm", "arch_prctl", "brk", "capget", "chdir", "chmod",
    "chown", "clock_getres", "clock_gettime", "clock_nanosleep", "close",
    "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "execve", "execveat",
    "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fallocate",
    "fchdir", "fchmod", "fchmodat", "fchown", "fchownat", "fcntl",
    "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fstat",
    "fstatfs", "fsync", "ftruncate", "futex", "futimesat",
    "get_robust_list", "get_thread_area", "getcpu", "getcwd", "getdents",
    "getdents64", "getegid", "geteuid", "getgid", "getgroups", "getitimer",
    "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom",
    "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid",
    "gettimeofday", "getuid", "getxattr",     "kill", "lchown",
    "lgetxattr", "link", "linkat", "listxattr", "llistxattr", "lseek",
    "lstat", "madvise", "mincore", "mkdir",
    "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap",
    "msync", "munlock", "munlockall", "munmap", "nanosleep", "newfstatat",
    "open", "openat", "openat2", "pause",     "pipe", "pipe2", "poll", "ppoll", "prctl",
    "pread64", "preadv", "preadv2", "pselect6", "pwrite64",
    "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat",
    "readv", "recvfrom", "recvmsg", "rename", "renameat", "renameat2",
    "restart_syscall", "rmdir", "rseq", "rt_sigaction", "rt_sigpending",
    "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
    "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
    "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
    "sched_setaffinity", "sched_yield", "select", "sendfile", "sendto",
    "set_robust_list", "set_tid_address", "setfsgid", "setfsuid", "setgid",
    "setitimer", "setpgid", "setpriority", "setregid", "setresgid",
    "setresuid", "setreuid", "setrlimit", "setsid", "setuid", "shutdown",
    "sigaltstack", "signalfd", "signalfd4", "stat", "statfs",
    "statx", "symlink", "symlinkat", "sync", "sync_file_range", "sysinfo",
    "tgkill", "time", "timer_create", "timer_delete",
    "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create",
    "timerfd_gettime", "timerfd_settime", "times", "tkill", "truncate",
    "umask", "uname", "unlink", "unlinkat", "utime", "utimensat", "utimes",
    "vfork", "wait4", "waitid", "write", "writev",
    // clang-format on
};

constexpr std::string_view kMemoryFile = "memfd_create";

constexpr unsigned long kNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

// What terminals, pipes and files are asked. The kernel looks at 32 bits.
constexpr unsigned kIoctls[] = {TCGETS,  TIOCGWINSZ, FIONREAD,
                                FIONBIO, FIOCLEX,    FIONCLEX};

// Beyond the numbers that are known here nothing is refused by name, and new C
// libraries try a call before they use an older one.
constexpr int kNumbers = 1024;

bool RefuseTheRest(scmp_filter_ctx filter, bool counts_memory) {
  const auto is_in_use = [=](std::string_view name) {
    if (name == kMemoryFile) return counts_memory;
    for (std::string_view partly :
         {"clone", "clone3", "prlimit64", "socketpair", "ioctl"}) {
      if (name == partly) return true;
    }
    return std::find(std::begin(kAllowed), std::end(kAllowed), name) !=
           std::end(kAllowed);
  };
  for (int number = 0; number < kNumbers; ++number) {
    char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    if (name == nullptr) continue;
    const bool is_refused = !is_in_use(name);
    std::free(name);
    if (is_refused &&
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0) != 0) {
      return false;
    }
  }
  return true;
}

bool AddRules(scmp_filter_ctx filter, bool counts_memory) {
  // Balanced search in place of one comparison a call.
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  for (const char* name : kAllowed) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;  // not on this architecture
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0) != 0) return false;
  }
  if (counts_memory && seccomp_rule_add(filter, SCMP_ACT_ALLOW,
                                        SCMP_SYS(memfd_create), 0) != 0) {
    return false;
  }
  for (unsigned request : kIoctls) {
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_MASKED_EQ, 0xFFFFFFFF, request)) !=
        0) {
      return false;
    }
  }
  // Threads and forks, but no namespaces. clone3 hides its flags behind a
  // pointer; it is ENOSYS, and the C library uses clone.
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                          SCMP_A0(SCMP_CMP_MASKED_EQ, kNamespaces, 0)) == 0 &&
         // Of itself: in a user namespace the init has the same user.
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                          SCMP_A0(SCMP_CMP_EQ, 0)) == 0 &&
         // Event loops talk to themselves.
         seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
                          SCMP_A0(SCMP_CMP_EQ, AF_UNIX)) == 0 &&
         RefuseTheRest(filter, counts_memory);
}

}  // namespace

std::string SyscallFilter(bool counts_memory) {
  std::string bytes;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
  if (filter == nullptr) return bytes;
  const int fd = ::memfd_create("filter", MFD_CLOEXEC);
  if (fd >= 0 && AddRules(filter, counts_memory) &&
      seccomp_export_bpf(filter, fd) == 0) {
    bytes.resize(::lseek(fd, 0, SEEK_END));
    if (::pread(fd, bytes.data(), bytes.size(), 0) != ssize_t(bytes.size())) {
      bytes.clear();
    }
  }
  if (fd >= 0) ::close(fd);
  seccomp_release(filter);
  return bytes;
}

}  // namespace r1

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/reward/sandbox/hostile_programs.h"

namespace r1 {
namespace {

// Refused(...) takes what must fail. Each row is a function; its number is the
// program's argument.
constexpr char kPrelude[] = R"(
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <initializer_list>
#include <vector>

static void Say(const char* text) { (void)!write(1, text, strlen(text)); }
static void Refused(std::initializer_list<long> results) {
  int number = 0;
  for (long result : results) {
    if (result != -1) {
      printf("OUT %d\n", number);
      return;
    }
    ++number;
  }
  Say("held\n");
}
static void Touch(volatile char* bytes, size_t size) {
  for (size_t i = 0; i < size; i += 4096) bytes[i] = 1;
}
static void IgnoreAll() {
  for (int s = 1; s < 65; ++s) signal(s, SIG_IGN);
}
static void Fill(int fd, size_t size) {
  static char block[65536];
  for (size_t i = 0; i < size; i += sizeof(block)) {
    if (write(fd, block, sizeof(block)) < 0) return;
  }
}
static int Deep(volatile char* above) {
  volatile char here[4096];
  here[0] = above == nullptr ? 0 : above[0] + 1;
  return Deep(here) + here[0];
}
)";

}  // namespace

std::string HostileCppSource() {
  std::string source = kPrelude, table;
  int number = 0;
  for (const HostileProgram& row : CppPrograms()) {
    absl::StrAppend(&source, "static void Row", number, "() {", row.program,
                    "\n}\n");
    absl::StrAppend(&table, "Row", number++, ",\n");
  }
  absl::StrAppend(&source, "static void (*const kRows[])() = {\n", table,
                  "};\nint main(int, char** argv) {\n"
                  "  kRows[atoi(argv[1])]();\n}\n");
  return source;
}

std::vector<HostileProgram> CppPrograms() {
  return {
      {"time", "loop that ignores signals", "TLE", "",
       "IgnoreAll(); for (;;) {}"},
      {"time", "sleep behind blocked signals", "TLE", "", R"(
sigset_t all;
sigfillset(&all);
sigprocmask(SIG_BLOCK, &all, nullptr);
for (;;) pause();)"},
      {"time", "CPU signal handled", "TLE", "", R"(
signal(SIGXCPU, [](int) {});
rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
setrlimit(RLIMIT_CPU, &none);
for (;;) {})"},
      {"time", "stopped", "TLE", "", "raise(SIGSTOP);"},
      {"time", "deadlock", "TLE", "", R"(
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_lock(&lock);
pthread_mutex_lock(&lock);)"},
      {"time", "orphans that spin", "TLE", "", R"(
for (int i = 0; i < 3; ++i) {
  if (fork() == 0) {
    setsid();
    if (fork() == 0) for (;;) {}
    _exit(0);
  }
}
for (;;) pause();)"},
      {"time", "threads that spin", "TLE", "", R"(
for (int i = 0; i < 4; ++i) {
  pthread_t thread;
  pthread_create(&thread, nullptr,
                 [](void*) -> void* { for (volatile int x = 0;;) x = x + 1; },
                 nullptr);
}
pthread_exit(nullptr);)"},
      {"time", "system calls without end", "TLE", "",
       "for (;;) sched_yield();"},
      {"time", "clocks", "OK", "held\n", R"(
timespec t = {};
timeval v = {};
timex x = {};
x.modes = ADJ_OFFSET;
Refused({clock_settime(CLOCK_REALTIME, &t), settimeofday(&v, nullptr),
         adjtimex(&x), clock_adjtime(CLOCK_REALTIME, &x)});)"},
      {"time", "priority", "OK", "held\n", R"(
sched_param p = {};
p.sched_priority = 1;
Refused({sched_setscheduler(0, SCHED_FIFO, &p), setpriority(PRIO_PROCESS, 0, -5),
         syscall(SYS_ioprio_set, 1, 0, 1 << 13)});)"},

      {"processes", "fork bomb", "PLE", "", "for (;;) fork();"},
      {"processes", "vfork bomb", "PLE", "", R"(
for (;;) {
  if (vfork() == 0) {
    execl("/bin/sleep", "sleep", "1000", nullptr);
    _exit(1);
  }
})"},
      {"processes", "thread bomb", "PLE", "", R"(
for (;;) {
  pthread_t thread;
  pthread_create(&thread, nullptr,
                 [](void*) -> void* { for (;;) pause(); }, nullptr);
})"},
      {"processes", "clones that nobody waits for", "PLE", "", R"(
for (;;) {
  if (syscall(SYS_clone, CLONE_PARENT, 0, 0, 0, 0) == 0) {
    for (;;) pause();
  }
})"},
      {"processes", "zombies", "PLE", "", R"(
for (;;) {
  if (fork() == 0) _exit(0);
})"},
      {"processes", "exec of itself", "TLE", "", R"(
char name[] = "/proc/self/exe", number[8];
FILE* line = fopen("/proc/self/cmdline", "r");
char text[64] = {};
(void)!fread(text, 1, 63, line);
fclose(line);
strcpy(number, text + strlen(text) + 1);
char* argv[] = {name, number, nullptr};
execv("/box/main", argv);)"},
      {"processes", "daemon that holds the output", "OK", "started\n", R"(
if (fork() == 0) {
  setsid();
  if (fork() == 0) {
    IgnoreAll();
    for (;;) pause();
  }
  _exit(0);
}
Say("started\n");)"},
      {"processes", "subreaper", "OK", "started\n", R"(
prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
if (fork() == 0) for (;;) pause();
Say("started\n");)"},
      {"processes", "limit raised", "OK", "held\n", R"(
rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
Refused({setrlimit(RLIMIT_CPU, &none), setrlimit(RLIMIT_FSIZE, &none),
         setrlimit(RLIMIT_STACK, &none), setrlimit(RLIMIT_NOFILE, &none),
         setrlimit(RLIMIT_MEMLOCK, &none), setrlimit(RLIMIT_CORE, &none),
         prlimit(1, RLIMIT_CPU, &none, nullptr)});)"},

      {"memory", "anonymous map", "MLE", "", R"(
Touch((char*)mmap(nullptr, 1 << 30, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1 << 30);)"},
      {"memory", "shared map, populated", "MLE", "", R"(
mmap(nullptr, 1 << 30, PROT_READ | PROT_WRITE,
     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
sleep(1000);)"},
      {"memory", "program break", "MLE", "",
       "for (;;) Touch((char*)sbrk(1 << 20), 1 << 20);"},
      {"memory", "new", "MLE", "",
       "for (;;) Touch(new char[1 << 20], 1 << 20);"},
      {"memory", "growing map", "MLE", "", R"(
size_t size = 1 << 20;
char* bytes = (char*)mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
for (;;) {
  bytes = (char*)mremap(bytes, size, 2 * size, MREMAP_MAYMOVE);
  Touch(bytes, size *= 2);
})"},
      {"memory", "memfd", "MLE", "", R"(
signal(SIGXFSZ, SIG_IGN);
std::vector<int> fds;
for (;;) {
  int fd = memfd_create("x", 0);
  if (fd < 0) for (;;) pause();
  Fill(fd, 3 << 20);
})"},
      {"memory", "children together", "MLE", "", R"(
for (int i = 0; i < 6; ++i) {
  if (fork() == 0) {
    Touch(new char[16 << 20], 16 << 20);
    for (;;) pause();
  }
}
for (;;) pause();)"},
      {"memory", "page tables", "MLE", "", R"(
const size_t size = size_t{1} << 44;
volatile char* bytes = (char*)mmap(nullptr, size, PROT_READ,
    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
char sum = 0;
for (size_t i = 0; i < size; i += 1 << 21) sum += bytes[i];
_exit(sum + 7);)"},
      {"memory", "stack overflow", "RE MLE", "", "_exit(Deep(nullptr) & 1);"},
      {"memory", "locked", "OK", "held\n", R"(
char* bytes = new char[65536];
Refused({mlock(bytes, 65536), mlockall(MCL_FUTURE),
         (long)mmap(nullptr, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS |
                    MAP_LOCKED, -1, 0),
         syscall(SYS_memfd_secret, 0)});)"},
      {"memory", "not the one to be killed", "MLE", "", R"(
int fd = open("/proc/self/oom_score_adj", O_WRONLY);
(void)!write(fd, "-1000", 5);
for (;;) Touch(new char[1 << 20], 1 << 20);)"},

      {"disk", "bytes", "OK", "held\n", R"(
signal(SIGXFSZ, SIG_IGN);
for (int i = 0; i < 64; ++i) {
  char name[16];
  sprintf(name, "f%d", i);
  int fd = open(name, O_CREAT | O_WRONLY, 0600);
  char block[65536] = {};
  if (fd < 0 || write(fd, block, sizeof(block)) < 0) return Say("held\n");
  Fill(fd, 1 << 20);
}
Say("OUT\n");)"},
      {"disk", "unlinked files", "OK", "held\n", R"(
signal(SIGXFSZ, SIG_IGN);
for (int i = 0; i < 100; ++i) {
  int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
  if (fd < 0 || fallocate(fd, 0, 0, 1 << 20) != 0) return Say("held\n");
}
Say("OUT\n");)"},
      {"disk", "inodes", "OK", "held\n", R"(
for (int i = 0; i < 1000000; ++i) {
  char name[16];
  sprintf(name, "f%d", i);
  if (mknod(name, S_IFREG | 0600, 0) != 0) return Say("held\n");
}
Say("OUT\n");)"},
      {"disk", "names", "OK MLE", nullptr, R"(
mknod("a", S_IFREG | 0600, 0);
for (int i = 0; i < 1000000; ++i) {
  char name[16];
  sprintf(name, "f%d", i);
  if (link("a", name) != 0) return Say("held\n");
}
Say("OUT\n");)"},
      {"disk", "sparse file", "RE", "",
       "truncate(\"a\", (mknod(\"a\", S_IFREG | 0600, 0), 1L << 40));"},
      {"disk", "sparse file, signal ignored", "OK", "held\n", R"(
signal(SIGXFSZ, SIG_IGN);
int fd = open("a", O_CREAT | O_RDWR, 0600);
Refused({ftruncate(fd, 1L << 40), fallocate(fd, 0, 1L << 40, 4096),
         pwrite(fd, "x", 1, 1L << 40)});)"},

      {"output", "gathered writes", "OLE", nullptr, R"(
static char block[65536];
iovec parts[8];
for (iovec& part : parts) part = {block, sizeof(block)};
for (;;) (void)!writev(1, parts, 8);)"},
      {"output", "without a copy", "OLE", nullptr, R"(
int fd = memfd_create("x", 0);
Fill(fd, 1 << 20);
for (;;) {
  off_t start = 0;
  sendfile(1, fd, &start, 1 << 20);
  start = 0;
  splice(fd, &start, 2, nullptr, 1 << 20, 0);
})"},
      {"output", "both streams from threads", "OLE", nullptr, R"(
for (int i = 0; i < 2; ++i) {
  pthread_t thread;
  pthread_create(&thread, nullptr, [](void*) -> void* {
    for (;;) Fill(2, 1 << 20);
  }, nullptr);
}
for (;;) Fill(1, 1 << 20);)"},
      {"output", "larger pipe", "OLE", nullptr, R"(
fcntl(1, F_SETPIPE_SZ, 1 << 20);
fcntl(1, F_SETFL, O_NONBLOCK);
IgnoreAll();
for (;;) Fill(1, 1 << 20);)"},

      {"signals", "to init", "OK", "held\n", R"(
kill(1, SIGKILL);
kill(getppid(), SIGSTOP);
kill(-1, SIGKILL);
syscall(SYS_tgkill, 1, 1, SIGKILL);
int fd = syscall(SYS_pidfd_open, 1, 0);
syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0);
siginfo_t info = {};
info.si_code = -1;
syscall(SYS_rt_sigqueueinfo, 1, SIGTERM, &info);
usleep(20000);
Say("held\n");)"},
      {"signals", "by way of descriptors", "OK", "held\n", R"(
fcntl(1, F_SETOWN, 1);
fcntl(1, F_SETSIG, SIGKILL);
fcntl(1, F_SETFL, O_ASYNC);
usleep(1000);
Say("held\n");)"},
      {"signals", "own end", "RE", "", "abort();"},

      {"files", "of the host", "OK", "held\n", R"(
Refused({open("/etc/shadow", O_RDONLY), open("/root", O_RDONLY),
         open("/home", O_RDONLY), open("/var", O_RDONLY),
         open("/sys", O_RDONLY), open("/run", O_RDONLY),
         open("/proc/1/root/etc/shadow", O_RDONLY),
         open("/proc/1/cwd/", O_RDONLY), open("/proc/self/root/../root", 0),
         open("../../../../etc/shadow", O_RDONLY)});)"},
      {"files", "top folders", "OK",
       "bin box dev etc lib lib64 proc r1 sbin tmp usr \n", R"(
dirent** names;
int count = scandir("/", &names, nullptr, alphasort);
for (int i = 0; i < count; ++i) {
  const char* name = names[i]->d_name;
  if (name[0] != '.' && strcmp(name, "lib32") && strcmp(name, "libx32")) {
    printf("%s ", name);
  }
}
printf("\n");)"},
      {"files", "written to", "OK", "held\n", R"(
Refused({open("/usr/bin/python3", O_RDWR), unlink("/usr/bin/env"),
         open("/r1/zygote.py", O_RDWR), rename("/etc/passwd", "/box/p"),
         mkdir("/usr/x", 0700), symlink("a", "/lib64/x"), open("/x", O_CREAT, 0),
         chmod("/usr", 0777), open("/dev/x", O_CREAT, 0),
         open("/etc/ld.so.preload", O_CREAT | O_WRONLY, 0644),
         mount(nullptr, "/usr", nullptr, MS_REMOUNT | MS_BIND, nullptr)});)"},
      {"files", "devices", "OK", "held\n", R"(
Refused({mknod("a", S_IFBLK | 0600, makedev(8, 0)),
         mknod("b", S_IFCHR | 0600, makedev(1, 1)), open("/dev/mem", 0),
         open("/dev/kvm", 0), open("/dev/vda", 0), open("/dev/fuse", 0),
         open("/dev/net/tun", 0), open("/dev/tty", 0), open("/dev/ptmx", 0)});)"},
      {"files", "setuid", "OK", "held\n", R"(
int in = open("/proc/self/exe", O_RDONLY), out = open("s", O_CREAT | O_RDWR, 0);
sendfile(out, in, nullptr, 3 << 20);
fchmod(out, 06755);
close(out);
const uid_t before = geteuid();
if (fork() == 0) {
  execl("/usr/bin/su", "su", "-c", "true", nullptr);
  _exit(1);
}
int status = 0;
wait(&status);
Refused({status == 0 ? 0 : -1, geteuid() == before ? -1 : 0, setuid(7),
         setreuid(7, 7), setresgid(7, 7, 7),
         syscall(SYS_setxattr, "s", "security.capability", "x", 1, 0)});)"},
      {"files", "handles", "OK", "held\n", R"(
char handle[256] = {};
int id;
*(int*)handle = 128;
Refused({syscall(SYS_name_to_handle_at, AT_FDCWD, "/usr", handle, &id, 0),
         syscall(SYS_open_by_handle_at, AT_FDCWD, handle, 0)});)"},

      {"proc", "memory of others", "OK", "held\n", R"(
Refused({open("/proc/1/mem", O_RDWR), open("/proc/1/environ", O_RDONLY),
         open("/proc/1/maps", O_RDONLY), open("/proc/1/fd", O_RDONLY),
         open("/proc/1/syscall", O_RDONLY), open("/proc/2/root/x", O_RDONLY),
         open("/proc/sys/kernel/core_pattern", O_RDWR),
         open("/proc/sysrq-trigger", O_WRONLY), open("/proc/kcore", 0)});)"},
      {"proc", "descriptors", "OK", "0 1 2 \n", R"(
for (int i = 0; i < 1024; ++i) {
  if (fcntl(i, F_GETFD) >= 0) printf("%d ", i);
}
printf("\n");)"},
      {"proc", "environment", "OK", "10\n", R"(
int count = 0;
while (environ[count] != nullptr) ++count;
printf("%d\n", count);)"},

      {"trace", "all ways", "OK", "held\n", R"(
char bytes[64];
iovec own = {bytes, 64}, other = {bytes, 64};
const int child = fork();
if (child == 0) for (;;) pause();
const int fd = syscall(SYS_pidfd_open, child, 0);
Refused({ptrace(PTRACE_TRACEME, 0, 0, 0), ptrace(PTRACE_ATTACH, 1, 0, 0),
         ptrace(PTRACE_SEIZE, child, 0, 0),
         process_vm_readv(child, &own, 1, &other, 1, 0),
         process_vm_writev(1, &own, 1, &other, 1, 0),
         syscall(SYS_pidfd_getfd, fd, 0, 0), syscall(SYS_kcmp, 1, 2, 0, 0, 0),
         syscall(SYS_process_madvise, fd, &other, 1, 4, 0)});)"},

      {"network", "all families", "OK", "held\n", R"(
for (int family = 0; family < 46; ++family) {
  for (int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET}) {
    if (socket(family, type, 0) != -1) {
      printf("OUT %d %d\n", family, type);
      return;
    }
  }
}
Say("held\n");)"},
      {"network", "abstract names from a pair", "OK", "held\n", R"(
int pair[2];
socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
sockaddr_un name = {};
name.sun_family = AF_UNIX;
strcpy(name.sun_path + 1, "r1-hostile");
const socklen_t size = offsetof(sockaddr_un, sun_path) + 11;
Refused({bind(pair[0], (sockaddr*)&name, size),
         connect(pair[0], (sockaddr*)&name, size),
         sendto(pair[0], "x", 1, 0, (sockaddr*)&name, size), listen(pair[0], 1),
         accept(pair[0], nullptr, nullptr),
         syscall(SYS_sendmsg, pair[0], nullptr, 0)});)"},
      {"network", "older ways", "OK", "held\n", R"(
int pair[2];
Refused({syscall(SYS_socket, AF_INET, SOCK_STREAM, 0),
         socketpair(AF_INET, SOCK_STREAM, 0, pair),
         socketpair(AF_NETLINK, SOCK_RAW, 0, pair),
         socketpair(AF_TIPC, SOCK_SEQPACKET, 0, pair)});)"},

      {"namespaces", "unshare and setns", "OK", "held\n", R"(
Refused({unshare(CLONE_NEWUSER), unshare(CLONE_NEWNS), unshare(CLONE_NEWNET),
         unshare(CLONE_NEWPID), unshare(CLONE_NEWCGROUP), unshare(CLONE_NEWTIME),
         setns(open("/proc/1/ns/net", O_RDONLY), 0),
         setns(syscall(SYS_pidfd_open, 1, 0), CLONE_NEWNS),
         open("/proc/self/uid_map", O_RDWR) < 0
             ? -1 : write(open("/proc/self/uid_map", O_RDWR), "0 0 1", 5)});)"},
      {"namespaces", "clone", "OK", "held\n", R"(
clone_args args = {};
args.flags = CLONE_NEWUSER;
args.exit_signal = SIGCHLD;
Refused({syscall(SYS_clone3, &args, sizeof(args)),
         syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0),
         syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0),
         syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0)});)"},
      {"namespaces", "mounts", "OK", "held\n", R"(
Refused({mount("x", "/box/tmp", "tmpfs", 0, nullptr), umount2("/proc", MNT_DETACH),
         umount2("/box", 0), chroot("/box"), syscall(SYS_pivot_root, ".", "."),
         syscall(SYS_fsopen, "tmpfs", 0), syscall(SYS_open_tree, -100, "/", 1),
         syscall(SYS_fspick, -100, "/", 0), syscall(SYS_fsmount, 0, 0, 0),
         syscall(SYS_move_mount, -100, "/usr", -100, "/box/tmp", 0),
         syscall(SYS_mount_setattr, -100, "/", 0, nullptr, 0)});)"},

      {"capabilities", "none to be had", "OK", "held\n", R"(
__user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
__user_cap_data_struct data[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
Refused({syscall(SYS_capset, &header, data),
         prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 1, 0, 0),
         prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), setuid(7), setgid(7),
         prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0),
         prctl(PR_SET_MM, 1, 0, 0, 0)});)"},

      {"kernel", "programs for it", "OK", "held\n", R"(
char zero[256] = {};
Refused({syscall(SYS_bpf, 0, zero, 128), syscall(SYS_io_uring_setup, 8, zero),
         syscall(SYS_io_uring_enter, 0, 0, 0, 0, 0, 0),
         syscall(SYS_io_uring_register, 0, 0, 0, 0),
         syscall(SYS_perf_event_open, zero, 0, -1, -1, 0),
         syscall(SYS_seccomp, 1, 8, zero), syscall(SYS_userfaultfd, 1),
         syscall(SYS_init_module, zero, 1, ""), syscall(SYS_finit_module, 0, "", 0),
         syscall(SYS_kexec_load, 0, 0, 0, 0), syscall(SYS_reboot, 1, 2, 3, 4)});)"},
      {"kernel", "keys, logs and the rest", "OK", "held\n", R"(
char bytes[256] = {};
Refused({syscall(SYS_add_key, "user", "x", "y", 1, -3),
         syscall(SYS_keyctl, 0, -3, 1), syscall(SYS_request_key, "user", "x", 0, 0),
         syscall(SYS_syslog, 3, bytes, 200), syscall(SYS_fanotify_init, 0, 0),
         syscall(SYS_quotactl, 0, "/", 0, bytes), syscall(SYS_acct, "/box/x"),
         syscall(SYS_swapon, "/box/x", 0), syscall(SYS_iopl, 3),
         syscall(SYS_ioperm, 0, 1, 1), syscall(SYS_modify_ldt, 1, bytes, 16),
         syscall(SYS_personality, 0x0040000), syscall(SYS_vhangup),
         syscall(SYS_sethostname, "x", 1), syscall(SYS_mbind, 0, 0, 0, 0, 0, 0),
         syscall(SYS_move_pages, 1, 0, 0, 0, 0, 0),
         syscall(SYS_migrate_pages, 1, 0, 0, 0)});)"},
      {"kernel", "shared memory and queues of System V", "OK", "held\n", R"(
Refused({syscall(SYS_shmget, 1, 4096, 01666), syscall(SYS_msgget, 1, 01666),
         syscall(SYS_semget, 1, 1, 01666),
         syscall(SYS_mq_open, "x", O_CREAT | O_RDWR, 0600, nullptr)});)"},
      {"kernel", "calls of another kind", "RE", "", R"(
syscall(0x40000000 | SYS_getpid);
int result;
asm volatile("int $0x80" : "=a"(result) : "a"(20));
Say("OUT\n");)"},
  };
}

std::vector<HostileProgram> CppSources() {
  return {
      {"compile", "file of the host", "CE", nullptr,
       "#include \"/etc/shadow\"\nint main() {}"},
      {"compile", "environment of the compiler", "OK CE", nullptr,
       "#include \"/proc/self/environ\"\nint main() {}"},
      {"compile", "environment of the init", "CE", nullptr,
       "#include \"/proc/1/environ\"\nint main() {}"},
      {"compile", "endless file", "CE", nullptr,
       "#include </dev/zero>\nint main() {}"},
      {"compile", "random file", "CE", nullptr,
       "#include </dev/urandom>\nint main() {}"},
      {"compile", "includes itself", "CE", nullptr,
       "#include __FILE__\n#include __FILE__\nint main() {}"},
      {"compile", "macros that double", "CE", nullptr, R"(
#define A(x) x x x x x x x x x x x x x x x x
#define B(x) A(A(A(A(x))))
int main() { B(B(B(;))) })"},
      {"compile", "templates without end", "CE", nullptr, R"(
template <int N> struct A { A<N + 1> a; A<N + 2> b; };
A<0> a;
int main() {})"},
      {"compile", "templates that double", "CE", nullptr, R"(
template <int N, class T> struct A { A<N - 1, A<N, T>> a; A<N - 1, A<-N, T>> b; };
template <class T> struct A<0, T> {};
A<24, int> a;
int main() {})"},
      {"compile", "constant without end", "CE", nullptr, R"(
constexpr int F() { int i = 0; for (;;) i ^= 1; return i; }
static_assert(F());
int main() {})"},
      {"compile", "large object", "CE", nullptr,
       "char a[1 << 30] = {1};\nint main() { return a[5]; }"},
      {"compile", "large section of the assembler", "CE", nullptr,
       "asm(\".data\\n.fill 1 << 38\");\nint main() {}"},
      {"compile", "assembler loop", "CE", nullptr,
       "asm(\".rept 2000000000\\nnop\\n.endr\");\nint main() {}"},
      {"compile", "bytes of the host", "CE", nullptr,
       "asm(\".incbin \\\"/etc/shadow\\\"\");\nint main() {}"},
      {"compile", "flood of messages", "CE", nullptr, R"(
#define A(x) x x x x x x x x x x x x x x x x
int main() { A(A(A(A(y;)))) })"},
      {"compile", "no program", "CE", nullptr, "int x;"},
      {"compile", "no code", "RE", "",
       "int (*volatile f)();\nint main() { return f(); }"},
      {"compile", "bytes of its own folders", "OK", "sandbox\n", R"(
#include <stdio.h>
asm(".data\nfile: .incbin \"/etc/passwd\"\n.byte 0\n.text");
extern "C" const char file[];
int main() { printf("%.7s\n", file); })"},
      {"compile", "what there is", "OK", "held\n", R"(
#include <stdio.h>
#if __has_include("/etc/shadow") || __has_include("/root/.bashrc") || \
    __has_include("/var/lib/dpkg/status")
#error OUT
#endif
int main() { puts("held"); })"},
      {"compile", "starts before main", "TLE", "",
       "struct A { A() { for (;;) {} } } a;\nint main() {}"},
      {"compile", "ends after main", "TLE", "",
       "struct A { ~A() { for (;;) {} } } a;\nint main() {}"},
  };
}

}  // namespace r1

#include "tests/reward/sandbox/hostile_programs.h"

namespace r1 {

std::vector<HostileProgram> ProgramsThatReachOut() {
  return {
      {"files", "host folders", "OK", "[]\n", R"(
print([p for p in ('/root', '/home', '/var', '/sys', '/run', '/boot', '/srv',
                   '/opt', '/mnt', '/etc/shadow', '/etc/ssh', '/work')
       if os.path.exists(p)]))"},
      {"files", "password file", "OK", "1\n",
       "print(len(open('/etc/passwd').readlines()))"},
      {"files", "environment", "OK", "[]\n", R"(
known = {'PATH', 'HOME', 'TMPDIR', 'LANG', 'USER', 'PYTHONHASHSEED', 'LC_CTYPE'}
print(sorted(n for n in set(os.environ) - known if n[-12:] != '_NUM_THREADS')))"},
      {"files", "write to the interpreter", "OK", "held\n", R"(
refused(lambda: open('/usr/bin/python3', 'ab'),
        lambda: open('/usr/lib/python3.11/os.py', 'a'),
        lambda: os.unlink('/usr/bin/python3'),
        lambda: open('/r1/zygote.py', 'a'), lambda: open('/r1/zygote.so', 'a'),
        lambda: os.rename('/usr', '/usr2'), lambda: os.mkdir('/x')))"},
      {"files", "links out", "OK", "held\n", R"(
os.symlink('/proc/1/root/etc/shadow', 'a')
os.symlink('../../../../../etc/shadow', 'b')
refused(lambda: open('a'), lambda: open('b'),
        lambda: os.link('/usr/bin/su', 'su')))"},
      {"files", "FIFO", "TLE", "", "os.mkfifo('f')\nopen('f').read()"},
      {"files", "device nodes", "OK", "held\n", R"(
refused(lambda: os.mknod('sda', 0o60666, os.makedev(8, 0)),
        lambda: os.mknod('mem', 0o20666, os.makedev(1, 1)),
        lambda: open('/dev/mem'), lambda: open('/dev/kvm'),
        lambda: open('/dev/vda'), lambda: open('/dev/sda')))"},
      {"files", "setuid bit", "OK", "held\n", R"(
import shutil, subprocess
shutil.copy('/usr/bin/id', 'id2')
os.chmod('id2', 0o6755)
out = subprocess.run(['./id2', '-u'], capture_output=True, text=True).stdout
print('held' if out.strip() == str(os.getuid()) else 'OUT'))"},
      {"files", "setuid programs", "OK", "held\n", R"(
import subprocess
refused(lambda: subprocess.run(['/usr/bin/su', '-c', 'true'],
    stdin=subprocess.DEVNULL, capture_output=True).returncode and -1))"},
      {"files", "leftover for the next run", "OK", "",
       "open('/box/left', 'w').write('x')\nopen('/tmp/left', 'w').write('x')\n"
       "open('/dev/shm/left', 'w').write('x')"},
      {"files", "other mounts", "OK", "True\n", R"(
kinds = {line.split()[2] for line in open('/proc/self/mounts')
         if line.split()[1] not in ('/usr', '/r1/shared', '/lib', '/lib64',
                                    '/bin', '/sbin')
         and not line.split()[1].startswith(('/dev/', '/usr/'))}
print(kinds <= {'tmpfs', 'proc'}))"},

      {"proc", "memory of the init", "OK", "held\n", R"(
refused(lambda: open('/proc/1/mem', 'rb'), lambda: open('/proc/1/maps').read(),
        lambda: open('/proc/1/environ', 'rb').read(),
        lambda: os.readlink('/proc/1/fd/200'), lambda: os.listdir('/proc/1/root/')))"},
      {"proc", "descriptors left open", "OK", "[0, 1, 2]\n", R"(
def is_open(n):
    try: os.fstat(n)
    except OSError: return False
    return True
print([n for n in range(1024) if is_open(n)]))"},
      {"proc", "kernel settings", "OK", "held\n", R"(
refused(lambda: open('/proc/sys/kernel/core_pattern', 'w'),
        lambda: open('/proc/sysrq-trigger', 'w'),
        lambda: open('/proc/sys/vm/drop_caches', 'w'),
        lambda: open('/proc/kcore', 'rb').read(1),
        lambda: open('/proc/kallsyms').read(1) and 0))"},
      {"proc", "own score and groups", "OK", "held\n", R"(
refused(lambda: open('/proc/self/oom_score_adj', 'w').write('-1000') and
            open('/proc/self/oom_score_adj').read() == '-1000\n' and 0 or -1,
        lambda: os.write(os.open('/proc/self/uid_map', os.O_WRONLY), b'0 0 1'),
        lambda: open('/sys/fs/cgroup/cgroup.procs', 'w')))"},
      {"proc", "other processes", "OK", "True\n",
       "print(len([p for p in os.listdir('/proc') if p.isdigit()]) <= 2)"},

      {"trace", "ptrace", "OK", "held\n", R"(
child = os.fork()
if child == 0: time.sleep(1000)
refused(lambda: libc.ptrace(0, 0, 0, 0), lambda: libc.ptrace(16, 1, 0, 0),
        lambda: libc.ptrace(16, child, 0, 0)))"},
      {"trace", "process_vm", "OK", "held\n", R"(
b = ctypes.create_string_buffer(64)
refused(lambda: libc.process_vm_readv(1, b, 1, b, 1, 0),
        lambda: libc.process_vm_writev(1, b, 1, b, 1, 0),
        lambda: libc.syscall(312, 1, os.getpid(), 0, 0, 0)))"},
      {"trace", "descriptors of others", "OK", "held\n", R"(
fd = libc.syscall(434, 1, 0)
refused(lambda: libc.syscall(438, fd, 0, 0)))"},

      {"signals", "to the parent", "OK", "held\n", R"(
try: os.kill(os.getppid(), 9)
except OSError: pass
time.sleep(0.05)
print('held'))"},
      {"signals", "to all", "RE", "", R"(
if os.fork() == 0: time.sleep(1000)
os.kill(0, 9))"},
      {"signals", "to every PID", "OK", "held\n", R"(
for pid in range(1, 5000):
    if pid != os.getpid():
        try: os.kill(pid, 9)
        except OSError: pass
print('held'))"},
      {"signals", "own death", "RE", "", "os.kill(os.getpid(), 9)"},
      {"signals", "abort", "RE", "", "os.abort()"},

      {"network", "internet sockets", "OK", "held\n", R"(
import socket
refused(lambda: socket.socket(), lambda: socket.create_server(('', 0)),
        lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)))"},
      {"network", "loopback", "OK", "held\n", R"(
import socket
refused(lambda: socket.create_connection(('127.0.0.1', 22), 1),
        lambda: socket.create_connection(('::1', 22), 1)))"},
      {"network", "abstract sockets", "OK", "held\n", R"(
import socket
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect('\0/tmp/.X11-unix/X0')
refused(connect))"},
      {"network", "names", "OK", "held\n", R"(
import socket
refused(lambda: socket.getaddrinfo('example.com', 80)))"},
      {"network", "vsock, netlink, packet", "OK", "held\n", R"(
import socket
refused(lambda: socket.socket(40, 1), lambda: socket.socket(16, 3),
        lambda: socket.socket(17, 3), lambda: socket.socket(38, 5)))"},

      {"namespaces", "unshare", "OK", "held\n", R"(
refused(*[lambda f=f: libc.unshare(f) for f in
          (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000,
           0x4000000, 0x2000000, 0x80)]))"},
      {"namespaces", "clone", "OK", "held\n", R"(
refused(lambda: libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0),
        lambda: libc.syscall(56, 0x20000000 | 17, 0, 0, 0, 0),
        lambda: libc.syscall(435, ctypes.create_string_buffer(88), 88)))"},
      {"namespaces", "setns", "OK", "held\n", R"(
refused(lambda: libc.setns(os.open('/proc/1/ns/net', os.O_RDONLY), 0),
        lambda: libc.setns(libc.syscall(434, 1, 0), 0x40000000)))"},
      {"namespaces", "mounts", "OK", "held\n", R"(
refused(lambda: libc.mount(b'x', b'/box/tmp', b'tmpfs', 0, None),
        lambda: libc.mount(b'/', b'/box/tmp', None, 4096, None),
        lambda: libc.umount2(b'/proc', 2), lambda: libc.umount2(b'/box', 2),
        lambda: libc.syscall(428, -100, b'/', 1),
        lambda: libc.syscall(430, b'tmpfs', 0)))"},
      {"namespaces", "roots", "OK", "held\n", R"(
refused(lambda: libc.chroot(b'/box'), lambda: libc.syscall(155, b'.', b'.')))"},
      {"namespaces", "host name", "OK", "held\n", R"(
refused(lambda: libc.sethostname(b'x', 1), lambda: libc.setdomainname(b'x', 1)))"},

      {"capabilities", "users", "OK", "held\n", R"(
others = [u for u in (0, 1000, 65534) if u != os.getuid()]
refused(*[lambda u=u: os.setuid(u) for u in others],
        *[lambda u=u: os.setresuid(u, u, u) for u in others],
        lambda: os.setgroups([0])))"},
      {"capabilities", "none left", "OK", "0\n", R"(
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
data = (ctypes.c_uint32 * 6)()
libc.capget(header, data)
print(sum(data)))"},
      {"capabilities", "new ones", "OK", "held\n", R"(
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
data = (ctypes.c_uint32 * 6)(*[0xffffffff] * 6)
refused(lambda: libc.capset(header, data), lambda: libc.prctl(47, 2, 0, 0, 0),
        lambda: libc.prctl(28, 0, 0, 0, 0)))"},
      {"capabilities", "owners", "OK", "held\n", R"(
open('x', 'w').close()
refused(lambda: os.chown('x', os.getuid() + 1, -1),
        lambda: os.setpriority(os.PRIO_PROCESS, 0, -20)))"},

      {"kernel", "bpf, perf, io_uring", "OK", "held\n", R"(
b = ctypes.create_string_buffer(256)
refused(lambda: libc.syscall(321, 0, b, 128), lambda: libc.syscall(425, 8, b),
        lambda: libc.syscall(298, b, 0, -1, -1, 0)))"},
      {"kernel", "keys and faults", "OK", "held\n", R"(
refused(lambda: libc.syscall(248, b'user', b'x', b'y', 1, -3),
        lambda: libc.syscall(250, 0, -3, 1), lambda: libc.syscall(323, 1)))"},
      {"kernel", "modules, reboot, swap", "OK", "held\n", R"(
refused(lambda: libc.syscall(175, b'x', 1, b''), lambda: libc.syscall(313, 0,
        b'', 0), lambda: libc.reboot(0x1234567), lambda: libc.swapoff(b'/x'),
        lambda: libc.syscall(246, 0, 0, 0, 0), lambda: libc.acct(b'/box/x')))"},
      {"kernel", "file handles, quota, log", "OK", "held\n", R"(
b = ctypes.create_string_buffer(256)
refused(lambda: libc.syscall(303, -100, b'/usr', b, b, 0),
        lambda: libc.syscall(304, -100, b, 0), lambda: libc.klogctl(3, b, 200),
        lambda: libc.syscall(179, 0, b'/', 0, b)))"},
      {"kernel", "terminal", "OK", "held\n",
       "import fcntl, termios\n"
       "refused(lambda: fcntl.ioctl(0, termios.TIOCSTI, b'x'),\n"
       "        lambda: open('/dev/tty'), lambda: open('/dev/ptmx'))"},
      {"kernel", "32-bit calls", "RE", "", R"(
import mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(b'\xb8\x14\x00\x00\x00\xcd\x80\xc3')
address = ctypes.addressof(ctypes.c_char.from_buffer(code))
ctypes.CFUNCTYPE(ctypes.c_int)(address)()
print('OUT'))"},
  };
}

}  // namespace r1

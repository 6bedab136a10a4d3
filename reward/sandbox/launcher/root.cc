#include "reward/sandbox/launcher/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace r1 {
namespace {

// Where the new root is put together; an empty tmpfs goes over it.
constexpr char kRoot[] = "/tmp";

std::string Failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

bool IsLink(const std::string& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
}

bool IsFolder(const std::string& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Shows a folder of the host, and what is mounted below it, read-only.
std::string BindReadOnly(const std::string& source, const std::string& target) {
  ::mkdir(target.c_str(), 0755);
  if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC,
              nullptr) != 0) {
    return Failed("binding " + source);
  }
  mount_attr attributes = {};
  attributes.attr_set =
      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (::mount_setattr(AT_FDCWD, target.c_str(), AT_RECURSIVE, &attributes,
                      sizeof(attributes)) != 0) {
    return Failed("making " + source + " read-only");
  }
  return "";
}

std::string MakeDevices(const std::string& root) {
  struct Device {
    const char* name;
    int minor;
  };
  const mode_t old_mask = ::umask(0);
  for (const Device& device :
       {Device{"null", 3}, Device{"zero", 5}, Device{"full", 7},
        Device{"random", 8}, Device{"urandom", 9}}) {
    const std::string path = root + "/dev/" + device.name;
    if (::mknod(path.c_str(), S_IFCHR | 0666, makedev(1, device.minor)) == 0 &&
        ::access(path.c_str(), R_OK) == 0) {
      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd >= 0) {
        ::close(fd);
        continue;
      }
      ::unlink(path.c_str());
    }
    // A user namespace makes no devices but may show the host's.
    const std::string host = std::string("/dev/") + device.name;
    ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
    if (::mount(host.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      ::umask(old_mask);
      return Failed("binding " + host);
    }
  }
  ::umask(old_mask);
  for (const auto& [name, target] : {std::pair("fd", "/proc/self/fd"),
                                     {"stdin", "/proc/self/fd/0"},
                                     {"stdout", "/proc/self/fd/1"},
                                     {"stderr", "/proc/self/fd/2"},
                                     {"shm", "/box/shm"}}) {
    (void)!::symlink(target, (root + "/dev/" + name).c_str());
  }
  return "";
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string ReadFile(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

// The links by which Debian chooses between programs, e.g. a C compiler.
void CopyAlternatives(const std::string& target) {
  ::mkdir(target.c_str(), 0755);
  DIR* folder = ::opendir("/etc/alternatives");
  if (folder == nullptr) return;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string name = entry->d_name;
    char link[4096];
    const ssize_t n = ::readlink(("/etc/alternatives/" + name).c_str(), link,
                                 sizeof(link) - 1);
    if (n <= 0) continue;
    link[n] = '\0';
    (void)!::symlink(link, (target + "/" + name).c_str());
  }
  ::closedir(folder);
}

std::string FillRoot(const std::string& root, const LauncherSetup& setup) {
  for (const char* folder : {"/dev", "/etc", "/proc", "/box", "/r1"}) {
    ::mkdir((root + folder).c_str(), 0755);
  }
  std::string error = BindReadOnly("/usr", root + "/usr");
  if (!error.empty()) return error;
  for (const char* folder : {"/bin", "/sbin", "/lib", "/lib64"}) {
    char link[256];
    const ssize_t n = ::readlink(folder, link, sizeof(link) - 1);
    if (IsLink(folder) && n > 0) {
      link[n] = '\0';
      (void)!::symlink(link, (root + folder).c_str());
    } else if (IsFolder(folder)) {
      error = BindReadOnly(folder, root + folder);
      if (!error.empty()) return error;
    }
  }
  if (!setup.read_only_folder.empty()) {
    error = BindReadOnly(setup.read_only_folder, root + "/r1/shared");
    if (!error.empty()) return error;
  }
  WriteFile(root + "/etc/ld.so.cache", ReadFile("/etc/ld.so.cache"));
  WriteFile(root + "/etc/passwd", "sandbox:x:65534:65534::/box:/bin/sh\n");
  CopyAlternatives(root + "/etc/alternatives");
  WriteFile(root + "/r1/zygote.so", setup.zygote_library);
  WriteFile(root + "/r1/zygote.py", setup.zygote_script);
  (void)!::symlink("/box/tmp", (root + "/tmp").c_str());
  return MakeDevices(root);
}

}  // namespace

std::string EnterRoot(const LauncherSetup& setup) {
  // Nothing that is mounted here may show up outside.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return Failed("making mounts private");
  }
  // The shared folder may lie below /tmp, which is about to be covered.
  LauncherSetup opened = setup;
  if (!setup.read_only_folder.empty()) {
    const int fd = ::open(setup.read_only_folder.c_str(),
                          O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return Failed("opening " + setup.read_only_folder);
    opened.read_only_folder = "/proc/self/fd/" + std::to_string(fd);
  }
  if (::mount("root", kRoot, "tmpfs", MS_NOSUID, "mode=0755,size=64m") != 0) {
    return Failed("mounting a root");
  }
  const std::string error = FillRoot(kRoot, opened);
  if (!error.empty()) return error;
  // A user namespace may mount /proc only where one is in full view.
  (void)!::mount("proc", (std::string(kRoot) + "/proc").c_str(), "proc",
                 MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  if (::chdir(kRoot) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 ||
      ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0) {
    return Failed("changing the root");
  }
  if (::mount(nullptr, "/", nullptr,
              MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, nullptr) != 0) {
    return Failed("making the root read-only");
  }
  return "";
}

}  // namespace r1

#include "reward/sandbox/launcher/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace r1 {
namespace {

constexpr char kSwapVersion1[] = "memory.memsw.limit_in_bytes";
constexpr char kSwapVersion2[] = "memory.swap.max";
constexpr uint64_t kIdleBytes = 2 << 20;  // what an empty group may hold

std::string ReadAt(int folder, const char* name) {
  const int fd = ::openat(folder, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  char bytes[4096];
  const ssize_t n = ::read(fd, bytes, sizeof(bytes));
  ::close(fd);
  return n > 0 ? std::string(bytes, n) : "";
}

bool WriteAt(int folder, const char* name, const std::string& value) {
  const int fd = ::openat(folder, name, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool is_done =
      ::write(fd, value.data(), value.size()) == ssize_t(value.size());
  ::close(fd);
  return is_done;
}

uint64_t NumberIn(const std::string& text) {
  return std::strtoull(text.c_str(), nullptr, 10);
}

// The number behind `key` in lines of "key number".
uint64_t Field(const std::string& text, const std::string& key) {
  std::istringstream in(text);
  std::string name;
  uint64_t value = 0;
  while (in >> name >> value) {
    if (name == key) return value;
  }
  return 0;
}

// Whether `word` stands in a list.
bool HasWord(const std::string& list, const std::string& word,
             char separator = ' ') {
  std::istringstream in(list);
  std::string item;
  while (std::getline(in, item, separator)) {
    if (item.substr(0, item.find('\n')) == word) return true;
  }
  return false;
}

// Where a hierarchy is mounted, and this process's group in it; "" if it is
// not. `controller` "" asks for version 2.
struct Hierarchy {
  std::string mount, own;
};

Hierarchy FindHierarchy(const std::string& controller,
                        const std::string& process) {
  Hierarchy found;
  std::string root, line;
  std::ifstream mounts(process + "/mountinfo");
  while (std::getline(mounts, line)) {
    // id parent device root mount options ... - type source super-options
    std::istringstream in(line);
    std::string skip, mount_root, mount, word, type, source, options;
    in >> skip >> skip >> skip >> mount_root >> mount;
    while (in >> word && word != "-") {
    }
    in >> type >> source >> options;
    const bool is_it =
        controller.empty()
            ? type == "cgroup2"
            : type == "cgroup" && HasWord(options, controller, ',');
    if (is_it) {
      found.mount = mount;
      root = mount_root;
    }
  }
  std::ifstream groups(process + "/cgroup");
  while (std::getline(groups, line)) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? !names.empty()
                           : !HasWord(names, controller, ',')) {
      continue;
    }
    found.own = line.substr(second + 1);
    // A container may have mounted only its own part.
    if (root != "/" && found.own.rfind(root, 0) == 0) {
      found.own = found.own.substr(root.size());
    }
    if (found.own == "/" || found.own.rfind("/..", 0) == 0) found.own = "";
  }
  return found;
}

// Whether a limit of memory leaves no way into swap: it counts swap too, or
// there is none to be had. `counter` is the file by which it would count.
bool HoldsSwap(int folder, const char* counter, const std::string& process) {
  if (::faccessat(folder, counter, F_OK, 0) == 0) return true;
  if (WriteAt(folder, "memory.swappiness", "0")) return true;  // version 1
  std::ifstream swaps(process + "/../swaps");
  std::string line;
  std::getline(swaps, line);  // the heading
  return !std::getline(swaps, line);
}

// Whether a group of version 2 has less memory or CPU time than there is.
bool IsLimited(int folder) {
  for (const char* limit : {"memory.max", "memory.high", "cpu.max"}) {
    const std::string value = ReadAt(folder, limit);
    if (!value.empty() && value.rfind("max", 0) != 0) return true;
  }
  return false;
}

int OpenFolder(const std::string& path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void SleepMillis(int millis) {
  const timespec pause = {0, millis * 1000000L};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

SlotCgroup::SlotCgroup(const std::string& name, const std::string& process) {
  FindVersion1(name, process);
  FindVersion2(name, process);
}

void SlotCgroup::FindVersion1(const std::string& name,
                              const std::string& process) {
  const std::pair<Group*, const char*> wanted[] = {
      {&memory_, "memory"}, {&pids_, "pids"}, {&cpu_, "cpuacct"}};
  for (const auto& [group, controller] : wanted) {
    const Hierarchy hierarchy = FindHierarchy(controller, process);
    if (hierarchy.mount.empty()) continue;
    const std::string path = hierarchy.mount + hierarchy.own + "/" + name;
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) continue;
    const int folder = OpenFolder(path);
    const int entry =
        folder < 0 ? -1 : ::openat(folder, "tasks", O_WRONLY | O_CLOEXEC);
    if (entry < 0 ||
        (group == &memory_ && !HoldsSwap(folder, kSwapVersion1, process))) {
      ::rmdir(path.c_str());
      continue;
    }
    *group = {1, path, folder, entry};
  }
}

void SlotCgroup::FindVersion2(const std::string& name,
                              const std::string& process) {
  if (memory_.version != 0 && pids_.version != 0 && cpu_.version != 0) return;
  const Hierarchy hierarchy = FindHierarchy("", process);
  if (hierarchy.mount.empty()) return;
  // A group with processes of its own hands nothing down, so look upwards.
  std::string own = hierarchy.own;
  while (true) {
    const std::string parent = hierarchy.mount + own;
    const int parent_folder = OpenFolder(parent);
    bool is_limited = false;
    if (parent_folder >= 0) {
      // Groups above its own are root's to use, but not to change.
      if (own == hierarchy.own || ::geteuid() != 0) {
        for (const char* wanted : {"+memory", "+pids", "+cpu"}) {
          WriteAt(parent_folder, "cgroup.subtree_control", wanted);
        }
      }
      const std::string down = ReadAt(parent_folder, "cgroup.subtree_control");
      is_limited = IsLimited(parent_folder);
      ::close(parent_folder);
      const std::string path = parent + "/" + name;
      if ((HasWord(down, "memory") || HasWord(down, "pids")) &&
          ::mkdir(path.c_str(), 0755) == 0) {
        const int folder = OpenFolder(path);
        if (HasWord(down, "memory") && memory_.version == 0 &&
            HoldsSwap(folder, kSwapVersion2, process)) {
          memory_ = {2, path, folder, -1,
                     ::openat(folder, "memory.peak", O_RDWR | O_CLOEXEC)};
        }
        if (HasWord(down, "pids") && pids_.version == 0) {
          pids_ = {2, path, folder, -1};
        }
        if (cpu_.version == 0) cpu_ = {2, path, folder, -1};
        return;
      }
    }
    // Beside its own group programs would not be in the limits set for it.
    if (own.empty() || is_limited) return;
    own.resize(own.rfind('/'));
  }
}

void SlotCgroup::Remove() const {
  for (const Group* group : {&memory_, &pids_, &cpu_}) {
    if (group->version == 0) continue;
    for (int i = 0; i < 100; ++i) {
      if (::rmdir(group->path.c_str()) == 0 || errno == ENOENT) break;
      SleepMillis(10);
    }
  }
}

bool SlotCgroup::Begin(uint64_t memory_bytes, uint64_t processes) {
  bool is_done = true;
  if (memory_.version == 1) {
    WriteAt(memory_.folder, "memory.max_usage_in_bytes", "0");
    if (memory_limit_ != memory_bytes) {
      // Memory with swap may never be less than memory.
      WriteAt(memory_.folder, kSwapVersion1, "-1");
      const std::string limit = std::to_string(memory_bytes);
      is_done &= WriteAt(memory_.folder, "memory.limit_in_bytes", limit);
      WriteAt(memory_.folder, kSwapVersion1, limit);
    }
  } else if (memory_.version == 2) {
    // Since Linux 6.12; until then it counts from the group's beginning.
    has_peak_ = memory_.peak >= 0 && ::write(memory_.peak, "reset", 5) == 5;
    if (memory_limit_ != memory_bytes) {
      is_done &=
          WriteAt(memory_.folder, "memory.max", std::to_string(memory_bytes));
      WriteAt(memory_.folder, kSwapVersion2, "0");
    }
  }
  if (pids_.version != 0 && processes_limit_ != processes) {
    // One more: the init.
    is_done &= WriteAt(pids_.folder, "pids.max", std::to_string(processes + 1));
  }
  memory_limit_ = memory_bytes;
  processes_limit_ = processes;
  cpu_start_ = CpuCounter();
  oom_start_ = OomCounter();
  fork_start_ = ForkCounter();
  return is_done;
}

void SlotCgroup::FillFds(RunFds* fds) const {
  int num_tasks = 0;
  for (const Group* group : {&memory_, &pids_, &cpu_}) {
    if (group->version == 1) fds->cgroup_tasks[num_tasks++] = group->entry;
    if (group->version == 2) fds->cgroup_v2 = group->folder;
  }
}

uint64_t SlotCgroup::CpuCounter() const {
  if (cpu_.version == 1) {
    return NumberIn(ReadAt(cpu_.folder, "cpuacct.usage")) / 1000;
  }
  if (cpu_.version == 2) {
    return Field(ReadAt(cpu_.folder, "cpu.stat"), "usage_usec");
  }
  return 0;
}

uint64_t SlotCgroup::OomCounter() const {
  if (memory_.version == 1) {
    return Field(ReadAt(memory_.folder, "memory.oom_control"), "oom_kill");
  }
  if (memory_.version == 2) {
    return Field(ReadAt(memory_.folder, "memory.events"), "oom_kill");
  }
  return 0;
}

uint64_t SlotCgroup::ForkCounter() const {
  if (pids_.version == 0) return 0;
  return Field(ReadAt(pids_.folder, "pids.events"), "max");
}

uint64_t SlotCgroup::CpuMicros() const { return CpuCounter() - cpu_start_; }
uint64_t SlotCgroup::OomKills() const { return OomCounter() - oom_start_; }
uint64_t SlotCgroup::RefusedForks() const {
  return ForkCounter() - fork_start_;
}

uint64_t SlotCgroup::PeakBytes() const {
  if (memory_.version == 1) {
    return NumberIn(ReadAt(memory_.folder, "memory.max_usage_in_bytes"));
  }
  char bytes[32] = {};
  if (has_peak_ && ::pread(memory_.peak, bytes, sizeof(bytes) - 1, 0) > 0) {
    return NumberIn(bytes);
  }
  return 0;
}

bool SlotCgroup::IsEmpty() const {
  for (const Group* group : {&memory_, &pids_, &cpu_}) {
    if (group->version != 0 && !ReadAt(group->folder, "cgroup.procs").empty()) {
      return false;
    }
  }
  return true;
}

uint64_t SlotCgroup::HeldBytes() const {
  if (memory_.version == 1) {
    return NumberIn(ReadAt(memory_.folder, "memory.usage_in_bytes"));
  }
  // Cached files of the host are nobody's; those of a tmpfs are the run's.
  const std::string stat = ReadAt(memory_.folder, "memory.stat");
  const uint64_t cached = Field(stat, "file") - Field(stat, "shmem");
  const uint64_t all = NumberIn(ReadAt(memory_.folder, "memory.current"));
  return all > cached ? all - cached : 0;
}

void SlotCgroup::AwaitMemory() const {
  if (memory_.version == 0) return;
  for (int i = 0; i < 100 && HeldBytes() > kIdleBytes; ++i) {
    if (memory_.version == 1) {
      WriteAt(memory_.folder, "memory.force_empty", "0");
    } else {
      WriteAt(memory_.folder, "memory.reclaim", "1G");  // since Linux 5.19
    }
    SleepMillis(10);
  }
}

}  // namespace r1

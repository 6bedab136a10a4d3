#include "reward/sandbox/launcher/proc_cpu.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace r1 {
namespace {

// utime, stime, cutime and cstime of /proc/PID/stat, in ticks.
uint64_t TicksOf(const char* pid) {
  std::ifstream in(std::string("/proc/") + pid + "/stat");
  std::string line;
  std::getline(in, line);
  // The name, in parentheses, may hold anything.
  const size_t close = line.rfind(')');
  if (close == std::string::npos) return 0;
  std::istringstream fields(line.substr(close + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  uint64_t sum = 0, ticks = 0;
  for (int field = 14; field < 18 && fields >> ticks; ++field) sum += ticks;
  return sum;
}

}  // namespace

uint64_t ProcCpuMicros(pid_t other) {
  static const uint64_t micros_a_tick = 1000000 / ::sysconf(_SC_CLK_TCK);
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return 0;
  uint64_t ticks = 0;
  while (const dirent* entry = ::readdir(folder)) {
    const long pid = std::strtol(entry->d_name, nullptr, 10);
    if (pid > 1 && pid != other) ticks += TicksOf(entry->d_name);
  }
  ::closedir(folder);
  return ticks * micros_a_tick;
}

}  // namespace r1

#include "base/system_memory.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/file.h"

namespace r1 {
namespace {

// `most` if the file is not there, or says "max".
int64_t LimitIn(const std::string& path, int64_t most) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  int64_t limit = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &limit)) return most;
  return std::min(limit, most);
}

}  // namespace

int64_t SystemMemoryBytes() {
  const int64_t memory = int64_t{sysconf(_SC_PHYS_PAGES)} * getpagesize();
  const absl::StatusOr<std::string> groups = ReadFile("/proc/self/cgroup");
  if (!groups.ok()) return memory;
  return MemoryLimitOf(*groups, "/sys/fs/cgroup", memory);
}

int64_t MemoryLimitOf(const std::string& groups, const std::string& root,
                      int64_t most) {
  for (absl::string_view line : absl::StrSplit(groups, '\n')) {
    // "ID:controllers:/group", without controllers in version 2.
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() < 3) continue;
    const bool is_v2 = parts[1].empty();
    if (!is_v2 && !absl::StrContains(parts[1], "memory")) continue;
    const std::string folder = is_v2 ? root : root + "/memory";
    const char* const file = is_v2 ? "memory.max" : "memory.limit_in_bytes";
    // The group's path may be that outside of a container; what lies at the
    // root is then the container's own.
    std::string group(parts[2] == "/" ? "" : parts[2]);
    for (;;) {
      most = LimitIn(absl::StrCat(folder, group, "/", file), most);
      if (group.empty()) break;
      group.resize(group.rfind('/'));
    }
  }
  return most;
}

}  // namespace r1

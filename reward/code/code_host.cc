#include "reward/code/code_host.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace r1 {
namespace {

CodeHost& Host() {
  static auto& host = *new CodeHost;
  return host;
}

}  // namespace

std::string CodeHost::DefaultCache() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return absl::StrCat(cache, "/r1");
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') {
    return absl::StrCat(home, "/.cache/r1");
  }
  return "";
}

RunLimits CodeHost::Clamped(RunLimits limits) const {
  limits.wall_ms = std::min(limits.wall_ms, max_wall_ms);
  limits.cpu_ms = std::min(limits.cpu_ms, max_wall_ms);
  limits.memory_mb = std::min(limits.memory_mb, max_memory_mb);
  limits.disk_mb = std::min(limits.disk_mb, max_memory_mb);
  return limits;
}

void SetCodeHost(const CodeHost& host) { Host() = host; }
const CodeHost& ThisCodeHost() { return Host(); }

}  // namespace r1

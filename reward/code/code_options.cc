#include "reward/code/code_options.h"

#include <cstdint>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

absl::StatusOr<int64_t> ParseNumber(const std::string& key,
                                    const std::string& value, int64_t lowest,
                                    int64_t highest) {
  int64_t number = 0;
  if (absl::SimpleAtoi(value, &number) && number >= lowest &&
      number <= highest) {
    return number;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("option ", key, " of rule code is \"", value,
                   "\", expected ", lowest, " to ", highest));
}

}  // namespace

std::string CodeOptions::DefaultCache() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return absl::StrCat(cache, "/r1");
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') {
    return absl::StrCat(home, "/.cache/r1");
  }
  return "";
}

absl::StatusOr<CodeOptions> CodeOptions::Parse(
    const std::map<std::string, std::string>& values) {
  CodeOptions options;
  struct Limit {
    const char* key;
    int64_t* value;
    int64_t highest;
  };
  RunLimits& limits = options.limits;
  const Limit all[] = {{"wall_ms", &limits.wall_ms, 3600000},
                       {"cpu_ms", &limits.cpu_ms, 3600000},
                       {"memory_mb", &limits.memory_mb, 1 << 20},
                       {"processes", &limits.processes, 4096},
                       {"output_kb", &limits.output_kb, 256 << 10},
                       {"disk_mb", &limits.disk_mb, 1 << 20}};
  for (const auto& [key, value] : values) {
    bool is_known = false;
    for (const Limit& limit : all) {
      if (key != limit.key) continue;
      R1_ASSIGN_OR_RETURN(*limit.value,
                          ParseNumber(key, value, 1, limit.highest));
      is_known = true;
    }
    if (key == "level") {
      R1_ASSIGN_OR_RETURN(options.level, ParseLevel(value));
      if (options.level == SandboxLevel::kNone) {
        return absl::InvalidArgumentError(
            "option level of rule code is \"none\": code is not run without a "
            "sandbox; expected isolated or full");
      }
    } else if (key == "slots") {
      R1_ASSIGN_OR_RETURN(options.slots, ParseNumber(key, value, 0, 256));
    } else if (key == "fraction") {
      if (value != "true" && value != "false") {
        return absl::InvalidArgumentError(
            absl::StrCat("option fraction of rule code is \"", value,
                         "\", expected true or false"));
      }
      options.is_fraction = value == "true";
    } else if (key == "cache") {
      options.cache = value;
    } else if (!is_known) {
      return absl::InvalidArgumentError(absl::StrCat(
          "rule code has no option \"", key,
          "\": it has level, slots, fraction, wall_ms, cpu_ms, memory_mb, "
          "processes, output_kb, disk_mb and cache"));
    }
  }
  return options;
}

}  // namespace r1

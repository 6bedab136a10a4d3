#include "reward/code/code_options.h"

#include "base/status_macros.h"

namespace r1 {

absl::StatusOr<CodeOptions> CodeOptions::Parse(const RuleOptions& values) {
  CodeOptions options;
  OptionReader read(values);
  // Code is not run without a sandbox: no level "none".
  constexpr SandboxLevel kLevels[] = {SandboxLevel::kIsolated,
                                      SandboxLevel::kFull};
  int level = 0;
  read.Choice("level", {"isolated", "full"}, &level);
  options.level = kLevels[level];
  read.Bool("fraction", &options.is_fraction);
  RunLimits& limits = options.limits;
  const auto limit = [&read](const char* name, int highest, int64_t* value) {
    int number = static_cast<int>(*value);
    read.Int(name, 1, highest, &number);
    *value = number;
  };
  limit("wall_ms", 3600000, &limits.wall_ms);
  limit("cpu_ms", 3600000, &limits.cpu_ms);
  limit("memory_mb", 1 << 20, &limits.memory_mb);
  limit("processes", 4096, &limits.processes);
  limit("output_kb", 256 << 10, &limits.output_kb);
  limit("disk_mb", 1 << 20, &limits.disk_mb);
  R1_RETURN_IF_ERROR(read.Finish());
  return options;
}

}  // namespace r1

#include "reward/sandbox/verdict.h"

#include "base/check.h"

namespace r1 {

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "OK";
    case Verdict::kWrongAnswer:
      return "WA";
    case Verdict::kTimeLimit:
      return "TLE";
    case Verdict::kMemoryLimit:
      return "MLE";
    case Verdict::kOutputLimit:
      return "OLE";
    case Verdict::kRuntimeError:
      return "RE";
    case Verdict::kCompileError:
      return "CE";
    case Verdict::kProcessLimit:
      return "PLE";
    case Verdict::kSandboxError:
      return "IE";
  }
  R1_CHECK(false, "a verdict has a name");
}

Verdict VerdictOf(const RunFacts& facts, const RunOrder& order,
                  bool has_memory_cgroup) {
  // Without the init's report only the program's own excess may explain that
  // there is none.
  if (!facts.error.empty()) return Verdict::kSandboxError;
  if (facts.is_over_output != 0) return Verdict::kOutputLimit;
  if (facts.oom_kills > 0) return Verdict::kMemoryLimit;
  if (facts.refused_forks > 0) return Verdict::kProcessLimit;
  if (facts.is_over_wall != 0 || facts.is_over_cpu != 0) {
    return Verdict::kTimeLimit;
  }
  if (facts.has_ended == 0) return Verdict::kSandboxError;
  if (facts.wait_status == 0) return Verdict::kOk;
  const bool is_near_limit =
      facts.peak_bytes >= order.memory_bytes - order.memory_bytes / 10;
  if (!has_memory_cgroup && is_near_limit) return Verdict::kMemoryLimit;
  return Verdict::kRuntimeError;
}

}  // namespace r1

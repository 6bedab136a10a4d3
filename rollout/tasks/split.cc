#include "rollout/tasks/split.h"

#include "base/sha256.h"

namespace r1 {

std::string ProblemHash(absl::string_view canonical_problem) {
  return Sha256Hex(canonical_problem);
}

bool IsHeldOut(absl::string_view canonical_problem) {
  return std::stoul(ProblemHash(canonical_problem).substr(0, 8), nullptr, 16) %
             10 ==
         0;
}

}  // namespace r1

#include "rollout/tasks/split.h"

#include <string>

#include "base/sha256.h"

namespace r1 {

bool IsHeldOut(absl::string_view canonical_problem) {
  return std::stoul(Sha256Hex(canonical_problem).substr(0, 8), nullptr, 16) %
             10 ==
         0;
}

}  // namespace r1

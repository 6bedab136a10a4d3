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

std::optional<Split> SplitOfName(absl::string_view name) {
  if (name == "train") return Split::kTrain;
  for (absl::string_view held_out : {"test", "validation", "dev", "eval"}) {
    if (name == held_out) return Split::kHeldOut;
  }
  return std::nullopt;
}

absl::string_view MissingSplit(
    absl::FunctionRef<std::optional<std::string>(RandomSequence*)> draw) {
  RandomSequence random(0, RandomStream::kGeneratorCheck, 0, 0);
  bool has_train = false, has_held_out = false;
  for (int i = 0; i < kMissingSplitDraws; ++i) {
    const std::optional<std::string> canonical = draw(&random);
    if (!canonical.has_value()) continue;
    (IsHeldOut(*canonical) ? has_held_out : has_train) = true;
    if (has_train && has_held_out) return "";
  }
  return has_train ? "held-out" : "training";
}

}  // namespace r1

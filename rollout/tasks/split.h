// Which problems are held out: a pure function of the problem itself, so that
// training prompts, the pretraining corpus and evaluation are disjoint by
// construction, whatever their seeds.
#ifndef R1_ROLLOUT_TASKS_SPLIT_H_
#define R1_ROLLOUT_TASKS_SPLIT_H_

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "base/philox.h"

namespace r1 {

// SHA-256 of a canonical problem text, in hexadecimal.
std::string ProblemHash(absl::string_view canonical_problem);

// True for one canonical problem text in ten (by its hash).
bool IsHeldOut(absl::string_view canonical_problem);

enum class Split { kTrain, kHeldOut };

// What rows of files call the sides: "train"; "test", "validation", "dev" and
// "eval" for what is held out. Nothing for any other name.
std::optional<Split> SplitOfName(absl::string_view name);

inline bool IsOf(Split split, absl::string_view canonical_problem) {
  return IsHeldOut(canonical_problem) == (split == Split::kHeldOut);
}

// Whether a generator has problems of both splits: `draw` gives the canonical
// text of a random one, or nothing for a draw that is none. If 10,000 calls
// find no problem of a split, its name ("training", "held-out"), else empty.
absl::string_view MissingSplit(
    absl::FunctionRef<std::optional<std::string>(RandomSequence*)> draw);
inline constexpr int kMissingSplitDraws = 10000;

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_SPLIT_H_

// Which problems are held out: a pure function of the problem itself, so that
// training prompts, the pretraining corpus and evaluation are disjoint by
// construction, whatever their seeds.
#ifndef R1_ROLLOUT_TASKS_SPLIT_H_
#define R1_ROLLOUT_TASKS_SPLIT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

// SHA-256 of a canonical problem text, in hexadecimal.
std::string ProblemHash(absl::string_view canonical_problem);

// True for one canonical problem text in ten (by its hash).
bool IsHeldOut(absl::string_view canonical_problem);

enum class Split { kTrain, kHeldOut };

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_SPLIT_H_

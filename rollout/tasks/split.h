// Which problems are held out: a pure function of the problem itself, so that
// training prompts, the pretraining corpus and evaluation are disjoint by
// construction, whatever their seeds.
#ifndef R1_ROLLOUT_TASKS_SPLIT_H_
#define R1_ROLLOUT_TASKS_SPLIT_H_

#include "absl/strings/string_view.h"

namespace r1 {

// True for one canonical problem text in ten (by SHA-256).
bool IsHeldOut(absl::string_view canonical_problem);

enum class Split { kTrain, kHeldOut };

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_SPLIT_H_

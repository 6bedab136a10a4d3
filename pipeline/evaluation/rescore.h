// Scores the recorded samples of a run anew: what `r1 reward rescore` does.
#ifndef R1_PIPELINE_EVALUATION_RESCORE_H_
#define R1_PIPELINE_EVALUATION_RESCORE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pipeline/store/run_reader.h"
#include "proto/config.pb.h"
#include "reward/core/scorer.h"

namespace r1 {

struct RescoreOptions {
  int threads = 1;
  absl::Duration item_limit = absl::Seconds(10);
  // The recorded component that `rule` is compared with; empty: the total with
  // the new total.
  std::string against;
  // The rule of the scorer that is compared; empty with an empty `against`.
  std::string rule;
  // How long the answers of a step could be.
  RolloutSection rollout;
};

// What one sample was judged before and is now.
struct Rejudged {
  const SampleView* sample = nullptr;
  RewardKind kind_before = REWARD_UNSPECIFIED, kind_now = REWARD_UNSPECIFIED;
  double before = 0, now = 0;  // of REWARD_SCORE
  std::string detail_before, detail_now;
};

struct RescoreSummary {
  int64_t samples = 0;       // that have a recorded result
  int64_t flips = 0;         // of which kind or score differ
  int64_t up = 0, down = 0;  // of which both are scores
};

// Calls `flip` for every sample whose verdict differs, by step, prompt and
// sample.
// Errors: NotFound if no sample has a recorded result; those of the reader;
// Cancelled once a stop was requested.
absl::StatusOr<RescoreSummary> Rescore(
    const RunReader& reader, const Scorer& scorer,
    const RescoreOptions& options,
    const std::function<void(const Rejudged&)>& flip);

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_RESCORE_H_

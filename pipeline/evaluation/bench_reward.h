// How fast a reward is: what `r1 reward bench` measures.
#ifndef R1_PIPELINE_EVALUATION_BENCH_REWARD_H_
#define R1_PIPELINE_EVALUATION_BENCH_REWARD_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/reward.pb.h"
#include "reward/core/registry.h"

namespace r1 {

struct BenchRewardOptions {
  // Scored in turn; empty: some of about 100 bytes.
  std::vector<RewardItem> items;
  absl::Duration item_limit = absl::Seconds(10);
  absl::Duration duration = absl::Seconds(1);  // of each measure
  int threads = 1;
};

struct RewardRates {
  struct Batch {
    int size = 0;
    double samples_per_second = 0;
  };
  double start_ms = 0;               // until the first result
  double median_ms = 0, p99_ms = 0;  // of one sample alone
  std::vector<Batch> batches;        // of 1, 16 and 256 samples
};

// Errors: as Scorer::Create; FailedPrecondition for a result that is an error
// or a timeout.
absl::StatusOr<RewardRates> BenchReward(const RewardRegistry& registry,
                                        const RewardRuleSpec& spec,
                                        const BenchRewardOptions& options);

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_BENCH_REWARD_H_

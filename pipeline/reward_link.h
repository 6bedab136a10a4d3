// The learner's connection to its reward service: one in this process, or
// servers elsewhere; the same calls either way.
#ifndef R1_PIPELINE_REWARD_LINK_H_
#define R1_PIPELINE_REWARD_LINK_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "learner/reward_source.h"
#include "proto/config.pb.h"
#include "reward/reward_client.h"
#include "reward/reward_server.h"

namespace r1 {

// Threads: one learner thread.
class RewardLink : public RewardSource {
 public:
  // Connects to all of config.reward().server(), or starts the service in this
  // process, and checks that each takes all configured rules and their options
  // and that they are equal programs; that they stay so is checked from then
  // on. Errors: InvalidArgument for an unknown rule or option (names the
  // known); FailedPrecondition if two servers differ; Unavailable if one cannot
  // be reached.
  static absl::StatusOr<std::unique_ptr<RewardLink>> Connect(
      const RunConfig& config, int num_threads);

  void Submit(RewardItem item) override { client_->Submit(std::move(item)); }
  bool compares_samples() const override { return compares_samples_; }
  void SubmitTogether(std::vector<RewardItem> items) override {
    client_->SubmitTogether(std::move(items));
  }
  absl::StatusOr<RewardResult> Next(absl::Time deadline) override {
    return client_->Next(deadline);
  }

 private:
  RewardLink() = default;

  bool compares_samples_ = false;
  std::unique_ptr<EmbeddedRewardService> embedded_;  // null for servers
  std::unique_ptr<RewardClient> client_;             // gone before embedded_
};

}  // namespace r1

#endif  // R1_PIPELINE_REWARD_LINK_H_

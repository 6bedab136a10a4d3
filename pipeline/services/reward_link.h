// A run's connection to its reward service: one in this process, or servers
// elsewhere; the same calls either way.
#ifndef R1_PIPELINE_SERVICES_REWARD_LINK_H_
#define R1_PIPELINE_SERVICES_REWARD_LINK_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learner/reward_source.h"
#include "proto/config.pb.h"
#include "reward/service/client.h"
#include "reward/service/server.h"

namespace r1 {

// Threads: its functions may be called from any thread.
class RewardLink {
 public:
  // Connects to all of config.reward().server(), or starts the service in this
  // process with num_threads.
  // Errors: Unavailable if a server cannot be reached.
  static absl::StatusOr<std::unique_ptr<RewardLink>> Connect(
      const StageConfig& config, int num_threads);

  // Whether the service has a rule of this name.
  bool HasRule(absl::string_view name) const;

  // The score from which on an answer is right by this rule, of which a source
  // has been made: the highest it may give, less a millionth for sums of
  // floating point; 1 if that is not known or not bounded.
  // Errors: Unavailable if no server can be reached.
  absl::StatusOr<double> RightScore(absl::string_view rule) const;

  // Rewards by these rules, once all servers that are there have agreed to them
  // and their options and are found to be one program; that they stay it is
  // checked from then on. The link must outlive it.
  // Errors: InvalidArgument for an unknown rule or option (names the known);
  // FailedPrecondition if two servers differ.
  absl::StatusOr<std::unique_ptr<RewardSource>> MakeSource(
      std::vector<RewardRuleSpec> rules) const;

 private:
  RewardLink() = default;
  // Says that servers of another build may not know the rules' from_step.
  absl::Status WarnOfSchedule(const std::vector<RewardRuleSpec>& rules) const;

  RewardClientOptions options_;                      // without rules
  DescribeReply service_;                            // of the first server
  std::unique_ptr<EmbeddedRewardService> embedded_;  // null for servers
  std::vector<RewardEndpoint> endpoints_;            // gone before embedded_
};

}  // namespace r1

#endif  // R1_PIPELINE_SERVICES_REWARD_LINK_H_

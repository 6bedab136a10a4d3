// Questions to reward servers before samples are sent to them.
#ifndef R1_REWARD_SERVICE_SERVER_CHECK_H_
#define R1_REWARD_SERVICE_SERVER_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/reward.pb.h"
#include "reward/service/channel.h"

namespace r1 {

// Who serves, with what. Blocks; waits for the server to come up.
// Errors: as the call's, with the server's name.
absl::StatusOr<DescribeReply> DescribeRewardServer(
    const RewardEndpoint& endpoint, absl::Time deadline);

// Whether one of the rules compares samples, if the server can score by them.
// Blocks as above.
// Errors: InvalidArgument for a rule or option it refuses; as the call's.
absl::StatusOr<bool> CheckRules(const RewardEndpoint& endpoint,
                                absl::Span<const RewardRuleSpec> rules,
                                int max_new_tokens, absl::Time deadline);

// What servers that share a client must have in common.
struct RewardBuild {
  std::string build_id;
  bool compares_samples = false;
};

// That of all servers. Each is asked by the deadline.
// Errors: as above; FailedPrecondition, naming both, if two differ.
absl::StatusOr<RewardBuild> CheckRewardServers(
    absl::Span<const RewardEndpoint> endpoints,
    absl::Span<const RewardRuleSpec> rules, int max_new_tokens,
    absl::Time deadline);

}  // namespace r1

#endif  // R1_REWARD_SERVICE_SERVER_CHECK_H_

// A rule that a reward server elsewhere judges: a plugin that is a gRPC server.
#ifndef R1_REWARD_SERVICE_SERVER_RULE_H_
#define R1_REWARD_SERVICE_SERVER_RULE_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"
#include "reward/plugin/plugin_spec.h"
#include "reward/service/channel.h"

namespace r1 {

// The server may be anybody's program that speaks proto/reward.proto and has a
// rule of the plugin's name. Failures are told apart as RewardClient does: a
// server that is not there is waited for until the batch's deadline, a call
// that fails is narrowed down to the samples that cause it, a reply that breaks
// the contract is an ERROR of its samples.
class RewardServerRule : public RewardRule {
 public:
  // Asks the server.
  // Errors: InvalidArgument for a bad address, a rule or option it does not
  // have; Unavailable if it cannot be reached within 30 s.
  static absl::StatusOr<std::unique_ptr<const RewardServerRule>> Create(
      const PluginSpec& spec, const RuleOptions& options);

  std::vector<RuleResult> Judge(absl::Span<const RewardItem* const> items,
                                const RuleContext& context) const override;
  RuleGrain grain() const override { return RuleGrain::kBatch; }
  ScoreRange range() const override { return range_; }
  bool compares_samples() const override { return compares_samples_; }

 private:
  RewardServerRule(RewardRuleSpec rule, RewardEndpoint endpoint)
      : rule_(std::move(rule)), endpoint_(std::move(endpoint)) {}

  const RewardRuleSpec rule_;  // with weight 1
  const RewardEndpoint endpoint_;
  ScoreRange range_;
  bool compares_samples_ = false;
};

}  // namespace r1

#endif  // R1_REWARD_SERVICE_SERVER_RULE_H_

#include "reward/service/server_rule.h"

#include <algorithm>
#include <limits>
#include <map>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "reward/service/client.h"
#include "reward/service/server_check.h"

namespace r1 {
namespace {

// How long a server may take to come up.
constexpr absl::Duration kServerStart = absl::Seconds(30);
// Most time of a call where nobody sets a deadline.
constexpr absl::Duration kMaxCall = absl::Minutes(5);

RuleResult ResultOf(const RewardResult& reward, const std::string& rule) {
  if (absl::c_linear_search(reward.not_applicable(), rule)) {
    return RuleResult::NotApplicable(reward.detail());
  }
  RuleResult result;
  result.kind = reward.kind();
  result.value = reward.total();
  result.detail = reward.detail();
  for (const auto& [name, version] : reward.versions()) {
    result.version = version;
  }
  for (const auto& [name, value] : reward.metrics()) {
    result.metrics[std::string(
        absl::StripPrefix(name, absl::StrCat(rule, "/")))] = value;
  }
  const auto extracted = reward.extracted().find(rule);
  if (extracted != reward.extracted().end()) {
    result.extracted = extracted->second;
  }
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const RewardServerRule>>
RewardServerRule::Create(const PluginSpec& spec, const RuleOptions& options) {
  const std::string name = absl::StrCat("plugin ", spec.name);
  auto endpoints = MakeRewardEndpoints({spec.target});
  R1_RETURN_IF_ERROR(Annotate(endpoints.status(), name));
  const RewardEndpoint& endpoint = (*endpoints)[0];
  RewardRuleSpec rule_spec;
  rule_spec.set_name(spec.name);
  rule_spec.set_weight(1);
  rule_spec.mutable_option()->insert(options.begin(), options.end());
  const auto compares_samples = CheckRules(
      endpoint, {rule_spec}, /*max_new_tokens=*/0, absl::Now() + kServerStart);
  R1_RETURN_IF_ERROR(Annotate(compares_samples.status(), name));
  const auto reply = DescribeRewardServer(endpoint, absl::Now() + kServerStart);
  R1_RETURN_IF_ERROR(Annotate(reply.status(), name));
  std::unique_ptr<RewardServerRule> rule(
      new RewardServerRule(rule_spec, endpoint));
  rule->compares_samples_ = *compares_samples;
  // Servers need not say it.
  rule->range_ = {std::numeric_limits<double>::lowest(),
                  std::numeric_limits<double>::max()};
  for (const RuleInfo& info : reply->rules()) {
    if (info.name() != spec.name) continue;
    if (info.has_lowest()) rule->range_.lowest = info.lowest();
    if (info.has_highest()) rule->range_.highest = info.highest();
  }
  return rule;
}

std::vector<RuleResult> RewardServerRule::Judge(
    absl::Span<const RewardItem* const> items,
    const RuleContext& context) const {
  const absl::Duration left =
      std::min(context.deadline - absl::Now(), kMaxCall);
  RewardClientOptions options;
  options.rules = {rule_};
  options.item_timeout = context.item_limit;
  options.call_timeout = left;
  options.retry.max_outage = left;
  RewardClient client({endpoint_}, std::move(options));
  client.SetStep(context.step, context.max_new_tokens);
  std::vector<RuleResult> results(
      items.size(), RuleResult::Timeout("the server has not answered in time"));
  std::map<std::string, std::vector<RewardItem>> groups;
  for (size_t i = 0; i < items.size(); ++i) {
    RewardItem item = *items[i];
    item.set_id(absl::StrCat(i));  // a batch may hold equal ids
    if (compares_samples_ && !item.group().empty()) {
      groups[item.group()].push_back(std::move(item));
    } else {
      client.Submit(std::move(item));
    }
  }
  for (auto& [name, group] : groups) client.SubmitTogether(std::move(group));
  for (size_t n = 0; n < items.size(); ++n) {
    const auto reward = client.Next(context.deadline);
    if (absl::IsDeadlineExceeded(reward.status())) break;
    if (!reward.ok()) {
      const std::string why(reward.status().message());
      for (RuleResult& result : results) {
        if (result.kind == REWARD_TIMEOUT) result = RuleResult::Error(why);
      }
      break;
    }
    size_t place = 0;
    if (absl::SimpleAtoi(reward->id(), &place) && place < results.size()) {
      results[place] = ResultOf(*reward, rule_.name());
    }
  }
  return results;
}

}  // namespace r1

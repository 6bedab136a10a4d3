#include "pipeline/reward_link.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "pipeline/build_id.h"
#include "reward/builtin_rules.h"
#include "reward/reward_channel.h"
#include "reward/reward_plugins.h"

namespace r1 {
namespace {

// How long a server may take to come up when the run starts.
constexpr absl::Duration kServerStart = absl::Seconds(30);
// After so long a wait, say so.
constexpr absl::Duration kQuickAnswer = absl::Seconds(1);

absl::Status CheckNames(const std::vector<RewardRuleSpec>& rules,
                        const DescribeReply& service,
                        const std::string& server) {
  const auto& known = service.rule_names();
  for (const RewardRuleSpec& rule : rules) {
    if (std::find(known.begin(), known.end(), rule.name()) != known.end()) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("reward.rule: ", server, " has no rule \"", rule.name(),
                     "\", only ", absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<RewardLink>> RewardLink::Connect(
    const RunConfig& config, int num_threads) {
  std::unique_ptr<RewardLink> link(new RewardLink());
  const RewardSection& section = config.reward();
  const std::string server = section.server().empty() ? "" : section.server(0);
  const absl::Duration timeout = absl::Milliseconds(section.timeout_ms());
  RewardClientOptions options;
  options.server = server;
  options.rules = ConfiguredRules(section, config.data().task());
  options.max_new_tokens = config.rollout().max_new_tokens();
  options.call_timeout = timeout;
  std::shared_ptr<grpc::Channel> channel;
  if (server.empty()) {
    RewardServiceOptions service;
    service.threads = num_threads;
    service.item_limit = timeout;
    R1_ASSIGN_OR_RETURN(service.build_id, BuildId());
    RewardRegistry registry = BuiltinRewardRules();
    const std::vector<std::string> plugins(section.plugin().begin(),
                                           section.plugin().end());
    R1_RETURN_IF_ERROR(
        Annotate(AddPlugins(plugins, &registry), "reward.plugin"));
    link->embedded_ =
        std::make_unique<EmbeddedRewardService>(std::move(registry), service);
    channel = link->embedded_->channel();
  } else {
    R1_ASSIGN_OR_RETURN(channel, MakeRewardChannel(server));
  }
  const std::vector<RewardRuleSpec> rules = options.rules;
  link->client_ = std::make_unique<RewardClient>(channel, std::move(options));
  const std::string name = server.empty()
                               ? "this program"
                               : absl::StrCat("the reward server ", server);
  absl::StatusOr<DescribeReply> service =
      link->client_->Describe(absl::Now() + kQuickAnswer);
  if (absl::IsDeadlineExceeded(service.status())) {
    LogInfo(absl::StrCat("waiting for ", name, ", up to ",
                         absl::FormatDuration(kServerStart)));
    service = link->client_->Describe(absl::Now() + kServerStart);
  }
  if (!service.ok()) {
    return absl::Status(
        service.status().code(),
        absl::StrCat("cannot reach ", name, " (", service.status().message(),
                     "): start it with `r1 reward-server --listen HOST:PORT`, "
                     "or set reward.server to \"\""));
  }
  R1_RETURN_IF_ERROR(CheckNames(rules, *service, name));
  const auto compares_samples =
      link->client_->CheckRules(absl::Now() + kServerStart);
  R1_RETURN_IF_ERROR(Annotate(compares_samples.status(), "reward.rule"));
  link->compares_samples_ = *compares_samples;
  return link;
}

}  // namespace r1

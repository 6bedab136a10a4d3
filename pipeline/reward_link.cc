#include "pipeline/reward_link.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "pipeline/build_id.h"
#include "reward/builtin_rules.h"
#include "reward/reward_channel.h"
#include "reward/reward_server_check.h"

namespace r1 {
namespace {

// How long a server may take to come up when the run starts.
constexpr absl::Duration kServerStart = absl::Seconds(30);
// After so long a wait, say so.
constexpr absl::Duration kQuickAnswer = absl::Seconds(1);

// Waits for the server to come up.
absl::Status Await(const RewardEndpoint& endpoint) {
  const std::string name =
      endpoint.address.empty()
          ? "this program"
          : absl::StrCat("the reward server ", endpoint.address);
  absl::Status status =
      DescribeRewardServer(endpoint, absl::Now() + kQuickAnswer).status();
  if (absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status)) {
    LogInfo(absl::StrCat("waiting for ", name, ", up to ",
                         absl::FormatDuration(kServerStart)));
    status =
        DescribeRewardServer(endpoint, absl::Now() + kServerStart).status();
  }
  if (status.ok()) return status;
  return absl::Status(
      status.code(),
      absl::StrCat("cannot reach ", name, " (", status.message(),
                   "): start it with `r1 reward-server --listen HOST:PORT`, "
                   "or take it out of reward.server; without servers, the run "
                   "scores by itself"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RewardLink>> RewardLink::Connect(
    const RunConfig& config, int num_threads) {
  std::unique_ptr<RewardLink> link(new RewardLink());
  const RewardSection& section = config.reward();
  const absl::Duration timeout = absl::Milliseconds(section.timeout_ms());
  RewardClientOptions options;
  options.rules = ConfiguredRules(section, config.data().task());
  options.max_new_tokens = config.rollout().max_new_tokens();
  options.item_timeout = timeout;
  options.call_timeout = timeout;
  std::vector<RewardEndpoint> endpoints;
  if (section.server().empty()) {
    RewardServiceOptions service;
    service.threads = num_threads;
    service.item_limit = timeout;
    R1_ASSIGN_OR_RETURN(service.build_id, BuildId());
    link->embedded_ =
        std::make_unique<EmbeddedRewardService>(BuiltinRewardRules(), service);
    endpoints = {{"", link->embedded_->channel()}};
  } else {
    R1_ASSIGN_OR_RETURN(endpoints,
                        MakeRewardEndpoints(std::vector<std::string>(
                            section.server().begin(), section.server().end())));
  }
  for (const RewardEndpoint& endpoint : endpoints) {
    R1_RETURN_IF_ERROR(Await(endpoint));
  }
  const auto build =
      CheckRewardServers(endpoints, options.rules, options.max_new_tokens,
                         absl::Now() + kServerStart);
  if (!build.ok()) {
    return Annotate(build.status(), absl::IsInvalidArgument(build.status())
                                        ? "reward.rule"
                                        : "reward.server");
  }
  link->compares_samples_ = build->compares_samples;
  options.build_id = build->build_id;
  link->client_ =
      std::make_unique<RewardClient>(std::move(endpoints), std::move(options));
  return link;
}

}  // namespace r1

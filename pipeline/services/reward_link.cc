#include "pipeline/services/reward_link.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "pipeline/process/build_id.h"
#include "pipeline/services/reward_rules.h"
#include "reward/service/channel.h"
#include "reward/service/server_check.h"

namespace r1 {
namespace {

// How long a server may take to come up when the run starts.
constexpr absl::Duration kServerStart = absl::Seconds(30);
// After so long a wait, say so.
constexpr absl::Duration kQuickAnswer = absl::Seconds(1);
// Most time of a call, which may hold hundreds of samples. Each has a limit of
// its own, and a server that is gone is noticed by the silence of its channel.
constexpr absl::Duration kCallTimeout = absl::Minutes(5);

// A rule that says so of its highest score has no bound in mind.
constexpr double kUnbounded = 1e30;

class ClientSource : public RewardSource {
 public:
  ClientSource(std::vector<RewardEndpoint> endpoints,
               RewardClientOptions options, bool compares_samples)
      : client_(std::move(endpoints), std::move(options)),
        compares_samples_(compares_samples) {}

  void SetStep(int64_t step, int max_new_tokens) override {
    client_.SetStep(step, max_new_tokens);
  }
  void Submit(RewardItem item) override { client_.Submit(std::move(item)); }
  bool compares_samples() const override { return compares_samples_; }
  void SubmitTogether(std::vector<RewardItem> items) override {
    client_.SubmitTogether(std::move(items));
  }
  absl::StatusOr<RewardResult> Next(absl::Time deadline) override {
    return client_.Next(deadline);
  }

 private:
  RewardClient client_;
  const bool compares_samples_;
};

std::string NameOf(const RewardEndpoint& endpoint) {
  return endpoint.address.empty()
             ? "this program"
             : absl::StrCat("the reward server ", endpoint.address);
}

// Waits for the server to come up.
absl::StatusOr<DescribeReply> Await(const RewardEndpoint& endpoint) {
  auto reply = DescribeRewardServer(endpoint, absl::Now() + kQuickAnswer);
  if (absl::IsDeadlineExceeded(reply.status()) ||
      absl::IsUnavailable(reply.status())) {
    LogInfo(absl::StrCat("waiting for ", NameOf(endpoint), ", up to ",
                         absl::FormatDuration(kServerStart)));
    reply = DescribeRewardServer(endpoint, absl::Now() + kServerStart);
  }
  if (reply.ok()) return reply;
  return absl::Status(
      reply.status().code(),
      absl::StrCat("cannot reach ", NameOf(endpoint), " (",
                   reply.status().message(),
                   "): start it with `r1 reward-server --listen HOST:PORT`, "
                   "or take it out of reward.server; without servers, the run "
                   "scores by itself"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RewardLink>> RewardLink::Connect(
    const StageConfig& config, int num_threads) {
  std::unique_ptr<RewardLink> link(new RewardLink());
  const RewardSection& section = config.reward();
  const absl::Duration timeout = absl::Milliseconds(section.timeout_ms());
  RewardClientOptions& options = link->options_;
  options.max_new_tokens = config.rollout().max_new_tokens();
  options.item_timeout = timeout;
  options.call_timeout = std::max(kCallTimeout, 4 * timeout);
  if (section.server().empty()) {
    RewardServiceOptions service;
    service.threads = num_threads;
    service.item_limit = timeout;
    R1_ASSIGN_OR_RETURN(service.build_id, BuildId());
    absl::StatusOr<RewardRegistry> registry = MakeRewardRules(
        {section.plugin().begin(), section.plugin().end()},
        {config.model_rule().begin(), config.model_rule().end()});
    R1_RETURN_IF_ERROR(Annotate(registry.status(), "reward.plugin"));
    link->embedded_ =
        std::make_unique<EmbeddedRewardService>(*std::move(registry), service);
    link->endpoints_ = {{"", link->embedded_->channel()}};
  } else {
    R1_ASSIGN_OR_RETURN(link->endpoints_,
                        MakeRewardEndpoints(std::vector<std::string>(
                            section.server().begin(), section.server().end())));
  }
  for (const RewardEndpoint& endpoint : link->endpoints_) {
    R1_ASSIGN_OR_RETURN(DescribeReply service, Await(endpoint));
    if (&endpoint == &link->endpoints_[0]) link->service_ = std::move(service);
  }
  return link;
}

bool RewardLink::HasRule(absl::string_view name) const {
  return std::any_of(service_.rules().begin(), service_.rules().end(),
                     [&](const RuleInfo& rule) { return rule.name() == name; });
}

absl::StatusOr<double> RewardLink::RightScore(absl::string_view rule) const {
  absl::StatusOr<DescribeReply> service;
  for (const absl::Duration wait : {kQuickAnswer, kServerStart}) {
    for (const RewardEndpoint& endpoint : endpoints_) {
      // Anew: a plugin's range is known once it has been started.
      service = DescribeRewardServer(endpoint, absl::Now() + wait);
      if (service.ok()) break;
    }
    if (service.ok()) break;
  }
  R1_RETURN_IF_ERROR(service.status());
  double highest = 1;
  for (const RuleInfo& info : service->rules()) {
    const bool has_bound = info.has_highest() && info.highest() < kUnbounded;
    if (info.name() == rule && has_bound) highest = info.highest();
  }
  return highest - 1e-6 * std::max(1.0, std::abs(highest));
}

absl::Status RewardLink::WarnOfSchedule(
    const std::vector<RewardRuleSpec>& rules) const {
  R1_ASSIGN_OR_RETURN(const std::string build_id, BuildId());
  if (service_.build_id() == build_id) return absl::OkStatus();
  for (const RewardRuleSpec& rule : rules) {
    if (rule.from_step() <= 1) continue;
    LogWarning(absl::StrCat(
        NameOf(endpoints_[0]),
        " is another build than this program; if it does not know from_step, "
        "the "
        "rule ",
        rule.name(),
        " counts from the first step on: start it from this program"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RewardSource>> RewardLink::MakeSource(
    std::vector<RewardRuleSpec> rules) const {
  for (const RewardRuleSpec& rule : rules) {
    if (HasRule(rule.name())) continue;
    const auto append_name = [](std::string* out, const RuleInfo& info) {
      out->append(info.name());
    };
    return absl::InvalidArgumentError(absl::StrCat(
        "reward.rule: ", NameOf(endpoints_[0]), " has no rule \"", rule.name(),
        "\", only ", absl::StrJoin(service_.rules(), ", ", append_name)));
  }
  // One that is away since the run began is passed over; when it comes back,
  // its replies say which build it is.
  std::vector<RewardEndpoint> there;
  for (const RewardEndpoint& endpoint : endpoints_) {
    if (DescribeRewardServer(endpoint, absl::Now() + kQuickAnswer).ok()) {
      there.push_back(endpoint);
    }
  }
  if (there.empty()) there = endpoints_;
  const auto build = CheckRewardServers(there, rules, options_.max_new_tokens,
                                        absl::Now() + kServerStart);
  if (!build.ok()) {
    return Annotate(build.status(), absl::IsInvalidArgument(build.status())
                                        ? "reward.rule"
                                        : "reward.server");
  }
  R1_RETURN_IF_ERROR(WarnOfSchedule(rules));
  RewardClientOptions options = options_;
  options.rules = std::move(rules);
  options.build_id = service_.build_id();
  return std::make_unique<ClientSource>(endpoints_, std::move(options),
                                        build->compares_samples);
}

}  // namespace r1

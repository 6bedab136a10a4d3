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
#include "pipeline/reward_rules.h"
#include "reward/reward_channel.h"

namespace r1 {
namespace {

// How long a server may take to come up when the run starts.
constexpr absl::Duration kServerStart = absl::Seconds(30);
// After so long a wait, say so.
constexpr absl::Duration kQuickAnswer = absl::Seconds(1);

class ClientSource : public RewardSource {
 public:
  ClientSource(std::shared_ptr<grpc::Channel> channel,
               RewardClientOptions options)
      : client_(std::move(channel), std::move(options)) {}

  // Asks the service whether it takes the rules.
  absl::Status Check() {
    const auto compares_samples =
        client_.CheckRules(absl::Now() + kServerStart);
    R1_RETURN_IF_ERROR(Annotate(compares_samples.status(), "reward.rule"));
    compares_samples_ = *compares_samples;
    return absl::OkStatus();
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
  bool compares_samples_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RewardLink>> RewardLink::Connect(
    const RunConfig& config, int num_threads) {
  std::unique_ptr<RewardLink> link(new RewardLink());
  const RewardSection& section = config.reward();
  const std::string server = section.server().empty() ? "" : section.server(0);
  const absl::Duration timeout = absl::Milliseconds(section.timeout_ms());
  RewardClientOptions& options = link->options_;
  options.server = server;
  options.max_new_tokens = config.rollout().max_new_tokens();
  options.call_timeout = timeout;
  if (server.empty()) {
    RewardServiceOptions service;
    service.threads = num_threads;
    service.item_limit = timeout;
    R1_ASSIGN_OR_RETURN(service.build_id, BuildId());
    absl::StatusOr<RewardRegistry> registry =
        MakeRewardRules({section.plugin().begin(), section.plugin().end()});
    R1_RETURN_IF_ERROR(Annotate(registry.status(), "reward.plugin"));
    link->embedded_ =
        std::make_unique<EmbeddedRewardService>(*std::move(registry), service);
    link->channel_ = link->embedded_->channel();
  } else {
    R1_ASSIGN_OR_RETURN(link->channel_, MakeRewardChannel(server));
  }
  link->name_ = server.empty() ? "this program"
                               : absl::StrCat("the reward server ", server);
  RewardClient client(link->channel_, options);
  absl::StatusOr<DescribeReply> service =
      client.Describe(absl::Now() + kQuickAnswer);
  if (absl::IsDeadlineExceeded(service.status())) {
    LogInfo(absl::StrCat("waiting for ", link->name_, ", up to ",
                         absl::FormatDuration(kServerStart)));
    service = client.Describe(absl::Now() + kServerStart);
  }
  if (!service.ok()) {
    return absl::Status(
        service.status().code(),
        absl::StrCat("cannot reach ", link->name_, " (",
                     service.status().message(),
                     "): start it with `r1 reward-server --listen HOST:PORT`, "
                     "or leave it out: --set 'reward.server=[]'"));
  }
  link->service_ = *std::move(service);
  return link;
}

bool RewardLink::HasRule(absl::string_view name) const {
  const auto& known = service_.rule_names();
  return std::find(known.begin(), known.end(), name) != known.end();
}

absl::StatusOr<std::unique_ptr<RewardSource>> RewardLink::MakeSource(
    std::vector<RewardRuleSpec> rules) const {
  for (const RewardRuleSpec& rule : rules) {
    if (HasRule(rule.name())) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("reward.rule: ", name_, " has no rule \"", rule.name(),
                     "\", only ", absl::StrJoin(service_.rule_names(), ", ")));
  }
  RewardClientOptions options = options_;
  options.rules = std::move(rules);
  auto source = std::make_unique<ClientSource>(channel_, std::move(options));
  R1_RETURN_IF_ERROR(source->Check());
  return source;
}

}  // namespace r1

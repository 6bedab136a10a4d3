#include "reward/reward_service.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "reward/scorer.h"
#include "reward/text.h"

namespace r1 {
namespace {

// Sets of rules that are kept ready, e.g. those of training and evaluation.
constexpr size_t kMaxScorers = 16;

grpc::Status ToGrpc(const absl::Status& status) {
  // Both use the codes of google.rpc.Code.
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()),
                      std::string(status.message()));
}

// When the answer must be ready: a little before the call's own deadline, so
// that it still arrives.
absl::Time AnswerTime(const grpc::ServerContext& context,
                      absl::Duration call_limit) {
  const absl::Time now = absl::Now();
  const absl::Duration left =
      std::min(absl::FromChrono(context.deadline()) - now, call_limit);
  const absl::Duration margin =
      std::clamp(left / 10, absl::Milliseconds(5), absl::Milliseconds(500));
  return now + left - margin;
}

absl::Status CheckIds(const ScoreRequest& request) {
  std::set<absl::string_view> ids;
  for (const RewardItem& item : request.items()) {
    if (item.id().empty()) {
      return absl::InvalidArgumentError("an item has no id");
    }
    if (!ids.insert(item.id()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("two items have the id \"", Excerpt(item.id()), "\""));
    }
  }
  return absl::OkStatus();
}

// Equal for equal rules and limits alone. Maps have no order of their own on
// the wire, so this is no serialisation.
std::string KeyOf(const std::vector<RewardRuleSpec>& rules,
                  const RuleContext& limits) {
  std::string key = absl::StrCat(limits.max_new_tokens);
  const auto append = [&](absl::string_view text) {
    absl::StrAppend(&key, " ", text.size(), ":", text);
  };
  for (const RewardRuleSpec& rule : rules) {
    append(rule.name());
    append(absl::StrFormat("%a %d", rule.weight(), rule.option_size()));
    const std::map<std::string, std::string> options(rule.option().begin(),
                                                     rule.option().end());
    for (const auto& [name, value] : options) {
      append(name);
      append(value);
    }
  }
  return key;
}

int ResolveThreads(int threads) {
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

RewardService::RewardService(RewardRegistry registry,
                             const RewardServiceOptions& options)
    : registry_(std::move(registry)),
      options_(options),
      pool_(ResolveThreads(options.threads), options.item_limit) {}

grpc::Status RewardService::BeginCall() {
  absl::MutexLock lock(&mutex_);
  if (is_draining_) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE,
                        "the reward service is stopping");
  }
  if (num_calls_ >= options_.max_calls) {
    return grpc::Status(
        grpc::StatusCode::UNAVAILABLE,
        absl::StrCat("busy: ", num_calls_, " calls are being scored"));
  }
  ++num_calls_;
  return grpc::Status::OK;
}

void RewardService::EndCall() {
  absl::MutexLock lock(&mutex_);
  --num_calls_;
}

grpc::Status RewardService::Score(grpc::ServerContext* context,
                                  const ScoreRequest* request,
                                  ScoreReply* reply) {
  grpc::Status status = BeginCall();
  if (!status.ok()) return status;
  status = ScoreNow(context, *request, reply);
  EndCall();
  return status;
}

absl::StatusOr<Scorer> RewardService::ScorerOf(const ScoreRequest& request) {
  RuleContext limits;
  limits.max_new_tokens = request.max_new_tokens();
  const std::vector<RewardRuleSpec> rules(request.rules().begin(),
                                          request.rules().end());
  const std::string key = KeyOf(rules, limits);
  {
    absl::MutexLock lock(&mutex_);
    const auto it = scorers_.find(key);
    if (it != scorers_.end()) return it->second;
  }
  R1_ASSIGN_OR_RETURN(Scorer scorer, Scorer::Create(registry_, rules, limits));
  absl::MutexLock lock(&mutex_);
  if (scorers_.size() >= kMaxScorers) scorers_.clear();
  scorers_.insert_or_assign(key, scorer);
  return scorer;
}

grpc::Status RewardService::ScoreNow(grpc::ServerContext* context,
                                     const ScoreRequest& request,
                                     ScoreReply* reply) {
  auto scorer = ScorerOf(request);
  if (!scorer.ok()) return ToGrpc(scorer.status());
  const absl::Status ids = CheckIds(request);
  if (!ids.ok()) return ToGrpc(ids);
  reply->set_compares_samples(scorer->compares_samples());
  auto results = pool_.ScoreAll(
      scorer->AtStep(request.step()),
      std::vector<RewardItem>(request.items().begin(), request.items().end()),
      AnswerTime(*context, options_.call_limit));
  if (!results.ok()) return ToGrpc(results.status());
  for (RewardResult& result : *results) {
    *reply->add_results() = std::move(result);
  }
  return grpc::Status::OK;
}

grpc::Status RewardService::Describe(grpc::ServerContext* /*context*/,
                                     const DescribeRequest* /*request*/,
                                     DescribeReply* reply) {
  reply->set_build_id(options_.build_id);
  for (std::string& name : registry_.Names()) {
    reply->add_rule_names(std::move(name));
  }
  return grpc::Status::OK;
}

void RewardService::Drain(absl::Time deadline) {
  const auto is_idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return num_calls_ == 0;
  };
  absl::MutexLock lock(&mutex_);
  is_draining_ = true;
  if (mutex_.AwaitWithDeadline(absl::Condition(&is_idle), deadline)) return;
  pool_.Stop();
  mutex_.Await(absl::Condition(&is_idle));
}

}  // namespace r1

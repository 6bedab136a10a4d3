#include "reward/service/service.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "base/num_cores.h"
#include "base/status_macros.h"
#include "reward/core/scorer.h"
#include "reward/core/text.h"
#include "reward/service/channel.h"

namespace r1 {
namespace {

// Sets of rules that are kept ready, e.g. those of training and evaluation.
constexpr size_t kMaxRuleSets = 16;
// Their names and options are kept with them.
constexpr size_t kMaxRuleBytes = 64 << 10;

// Most time to say what is served: plugins are asked for their versions.
constexpr absl::Duration kDescribeLimit = absl::Seconds(2);

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

absl::Status CheckItems(const ScoreRequest& request) {
  if (request.item_timeout_ms() < 0) {
    return absl::InvalidArgumentError(absl::StrCat("item_timeout_ms is ",
                                                   request.item_timeout_ms(),
                                                   ", expected 0 or more"));
  }
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

// Equal for equal rules alone. Maps have no order of their own on the wire, so
// this is no serialisation.
std::string KeyOf(const std::vector<RewardRuleSpec>& rules) {
  std::string key;
  const auto append = [&](absl::string_view text) {
    absl::StrAppend(&key, " ", text.size(), ":", text);
  };
  for (const RewardRuleSpec& rule : rules) {
    append(rule.name());
    append(absl::StrFormat("%a %d %d", rule.weight(), rule.from_step(),
                           rule.option_size()));
    const std::map<std::string, std::string> options(rule.option().begin(),
                                                     rule.option().end());
    for (const auto& [name, value] : options) {
      append(name);
      append(value);
    }
  }
  return key;
}

RewardServiceOptions WithThreads(RewardServiceOptions options) {
  if (options.threads <= 0) options.threads = NumCores();
  return options;
}

absl::Duration ItemLimit(const ScoreRequest& request) {
  if (request.item_timeout_ms() == 0) return absl::InfiniteDuration();
  return absl::Milliseconds(request.item_timeout_ms());
}

}  // namespace

RewardService::RewardService(RewardRegistry registry,
                             const RewardServiceOptions& options)
    : registry_(std::move(registry)),
      options_(WithThreads(options)),
      pool_(options_.threads, options_.item_limit) {}

grpc::Status RewardService::BeginCall(bool has_items) {
  absl::MutexLock lock(&mutex_);
  if (is_draining_) {
    return ToGrpc(absl::UnavailableError("the reward service is stopping"));
  }
  // Questions without items cost nothing.
  if (has_items && num_calls_ >= options_.max_calls) {
    return BusyStatus(num_calls_);
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
  grpc::Status status = BeginCall(/*has_items=*/request->items_size() > 0);
  if (!status.ok()) return status;
  status = ScoreNow(context, *request, reply);
  EndCall();
  return status;
}

void RewardService::Count(const RewardResult& result, absl::Time arrival) {
  const absl::Duration time = absl::Now() - arrival;
  absl::MutexLock lock(&mutex_);
  ++num_items_[result.kind()];
  num_not_applicable_ += result.not_applicable_size() > 0;
  item_time_ += time;
  longest_item_time_ = std::max(longest_item_time_, time);
}

absl::StatusOr<Scorer> RewardService::ScorerOf(const ScoreRequest& request) {
  const std::vector<RewardRuleSpec> rules(request.rules().begin(),
                                          request.rules().end());
  const std::string key = KeyOf(rules);
  if (key.size() > kMaxRuleBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the rules and their options have ", key.size(),
                     " bytes; at most ", kMaxRuleBytes, " are taken"));
  }
  std::shared_ptr<RuleSet> set;
  // Of sets that are kept no longer; their plugins end outside the lock.
  std::list<std::shared_ptr<RuleSet>> dropped;
  {
    absl::MutexLock lock(&mutex_);
    const auto it = absl::c_find_if(
        rule_sets_, [&](const auto& s) { return s->key == key; });
    if (it != rule_sets_.end()) {
      rule_sets_.splice(rule_sets_.begin(), rule_sets_, it);
      set = rule_sets_.front();
      mutex_.Await(absl::Condition(&set->is_made));
      return set->scorer;
    }
    set = rule_sets_.emplace_front(std::make_shared<RuleSet>());
    set->key = key;
    while (rule_sets_.size() > kMaxRuleSets) {
      dropped.splice(dropped.begin(), rule_sets_, std::prev(rule_sets_.end()));
    }
  }
  absl::StatusOr<Scorer> scorer = Scorer::Create(registry_, rules, {});
  absl::MutexLock lock(&mutex_);
  set->scorer = scorer;
  set->is_made = true;
  if (!scorer.ok()) rule_sets_.remove(set);
  return scorer;
}

grpc::Status RewardService::ScoreNow(grpc::ServerContext* context,
                                     const ScoreRequest& request,
                                     ScoreReply* reply) {
  const absl::Time arrival = absl::Now();
  auto scorer = ScorerOf(request);
  if (!scorer.ok()) return ToGrpc(scorer.status());
  const absl::Status items = CheckItems(request);
  if (!items.ok()) return ToGrpc(items);
  reply->set_compares_samples(scorer->compares_samples());
  reply->set_build_id(options_.build_id);
  auto results = pool_.ScoreAll(
      scorer->AtStep(request.step(), request.max_new_tokens()),
      std::vector<RewardItem>(request.items().begin(), request.items().end()),
      AnswerTime(*context, options_.call_limit), ItemLimit(request));
  if (!results.ok()) return ToGrpc(results.status());
  for (RewardResult& result : *results) {
    Count(result, arrival);
    *reply->add_results() = std::move(result);
  }
  return grpc::Status::OK;
}

RuleInfo RewardService::InfoOf(const std::string& rule,
                               const std::vector<Scorer>& scorers,
                               absl::Time deadline) const {
  RuleInfo info;
  info.set_name(rule);
  info.set_carrier(registry_.CarrierOf(rule));
  // Rather one that scores than an example: only it has started anything.
  const RewardRule* made = nullptr;
  for (const Scorer& scorer : scorers) {
    if (made == nullptr || made->state().empty()) {
      const RewardRule* found = scorer.Find(rule);
      if (found != nullptr) made = found;
    }
  }
  absl::StatusOr<std::unique_ptr<const RewardRule>> example = nullptr;
  if (made == nullptr) {
    example = registry_.MakeExample(rule);
    if (!example.ok()) return info;
    made = example->get();
  }
  RuleContext context;
  context.deadline = deadline;
  info.set_version(made->version(context));
  info.set_compares_samples(made->compares_samples());
  info.set_is_deterministic(made->is_deterministic());
  info.set_lowest(made->range().lowest);
  info.set_highest(made->range().highest);
  info.set_state(made->state());
  return info;
}

grpc::Status RewardService::Describe(grpc::ServerContext* context,
                                     const DescribeRequest* /*request*/,
                                     DescribeReply* reply) {
  reply->set_build_id(options_.build_id);
  std::vector<Scorer> scorers;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& set : rule_sets_) {
      if (set->is_made) scorers.push_back(*set->scorer);
    }
  }
  const absl::Time deadline = AnswerTime(*context, kDescribeLimit);
  for (const std::string& name : registry_.Names()) {
    *reply->add_rules() = InfoOf(name, scorers, deadline);
  }
  reply->set_threads(options_.threads);
  reply->set_max_calls(options_.max_calls);
  reply->set_item_timeout_ms(absl::ToInt64Milliseconds(options_.item_limit));
  absl::MutexLock lock(&mutex_);
  reply->set_calls_under_way(num_calls_);
  reply->set_scores(num_items_[REWARD_SCORE]);
  reply->set_abstentions(num_items_[REWARD_ABSTAIN]);
  reply->set_errors(num_items_[REWARD_ERROR]);
  reply->set_timeouts(num_items_[REWARD_TIMEOUT]);
  reply->set_not_applicable(num_not_applicable_);
  int64_t count = 0;
  for (const auto& [kind, items] : num_items_) count += items;
  if (count > 0) {
    reply->set_mean_item_ms(absl::ToDoubleMilliseconds(item_time_) / count);
  }
  reply->set_max_item_ms(absl::ToDoubleMilliseconds(longest_item_time_));
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

#include "reward/scorer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "reward/text.h"

namespace r1 {
namespace {

constexpr size_t kMaxDetailBytes = 500;

// Which failure decides an item with several.
int Severity(RewardKind kind) {
  switch (kind) {
    case REWARD_SCORE:
      return 0;
    case REWARD_ABSTAIN:
      return 1;
    case REWARD_TIMEOUT:
      return 2;
    default:
      return 3;
  }
}

// A rule may come from elsewhere and throw; one sample must not end a run.
template <typename Call>
RuleResult Guarded(const Call& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    return RuleResult::Error(absl::StrCat("threw: ", Excerpt(error.what())));
  } catch (...) {
    return RuleResult::Error("threw");
  }
}

// The result after the checks that every rule must pass.
RuleResult Checked(RuleResult result, const RewardRule& rule,
                   absl::Time deadline) {
  if (absl::Now() >= deadline) {
    return RuleResult::Timeout("not done before the deadline");
  }
  if (result.kind == REWARD_UNSPECIFIED || !RewardKind_IsValid(result.kind)) {
    return RuleResult::Error(absl::StrCat("returned the unknown kind ",
                                          static_cast<int>(result.kind)));
  }
  if (result.kind != REWARD_SCORE) return result;
  const ScoreRange range = rule.range();
  if (!std::isfinite(result.value) || result.value < range.lowest ||
      result.value > range.highest) {
    RuleResult error = RuleResult::Error(
        absl::StrCat("gave ", result.value, ", outside its range [",
                     range.lowest, ", ", range.highest, "]"));
    error.version = std::move(result.version);
    return error;
  }
  return result;
}

RuleResult CallRule(const RewardRule& rule, const RewardItem& item,
                    const RuleContext& context) {
  if (absl::Now() >= context.deadline) {
    return RuleResult::Timeout("not started before the deadline");
  }
  return Checked(Guarded([&] { return rule.Score(item, context); }), rule,
                 context.deadline);
}

// Calls `score` for results of `count` items; one checked result an item.
template <typename Call>
std::vector<RuleResult> CallForMany(const RewardRule& rule, size_t count,
                                    absl::Time deadline, const Call& score) {
  std::vector<RuleResult> results;
  const RuleResult call = Guarded([&] {
    results = score();
    return RuleResult::Score(0);
  });
  if (call.kind != REWARD_SCORE) return std::vector<RuleResult>(count, call);
  if (results.size() != count) {
    return std::vector<RuleResult>(
        count,
        RuleResult::Error(absl::StrCat("gave ", results.size(), " results for ",
                                       count, " samples")));
  }
  for (RuleResult& result : results) {
    result = Checked(std::move(result), rule, deadline);
  }
  return results;
}

std::vector<RuleResult> CallGroupRule(const GroupRule& rule,
                                      absl::Span<const GroupMember> members,
                                      const RuleContext& context) {
  return CallForMany(rule, members.size(), context.deadline,
                     [&] { return rule.ScoreGroup(members, context); });
}

// What is there by the deadline counts: the rule itself keeps to it.
std::vector<RuleResult> CallBatchRule(const BatchRule& rule,
                                      absl::Span<const RewardItem* const> items,
                                      const RuleContext& context) {
  return CallForMany(rule, items.size(), absl::InfiniteFuture(),
                     [&] { return rule.ScoreBatch(items, context); });
}

// Appends "name: detail" to the item's one-line detail.
void AppendDetail(const std::string& name, const std::string& detail,
                  std::string* line) {
  if (detail.empty() || line->size() >= kMaxDetailBytes) return;
  absl::StrAppend(line, line->empty() ? "" : "; ", name, ": ", detail);
  if (line->size() > kMaxDetailBytes) line->resize(kMaxDetailBytes);
}

// What a rule says beside its verdict.
void AddFindings(const std::string& name, const RuleResult& result,
                 RewardResult* reward, std::string* detail) {
  if (!result.version.empty()) {
    (*reward->mutable_versions())[name] = ToValidUtf8(result.version);
  }
  if (!result.extracted.empty()) {
    (*reward->mutable_extracted())[name] =
        ToValidUtf8(result.extracted.substr(0, kMaxDetailBytes));
  }
  for (const auto& [metric, value] : result.metrics) {
    const std::string full_name = ToValidUtf8(absl::StrCat(name, "/", metric));
    if (std::isfinite(value)) {
      (*reward->mutable_metrics())[full_name] = value;
    } else {
      AppendDetail(full_name, absl::StrCat("is ", value), detail);
    }
  }
}

}  // namespace

absl::StatusOr<Scorer> Scorer::Create(const RewardRegistry& registry,
                                      absl::Span<const RewardRuleSpec> rules,
                                      const RuleContext& context) {
  if (rules.empty()) {
    return absl::InvalidArgumentError(
        "no reward rule; name at least one, e.g. \"format\"");
  }
  Scorer scorer(context);
  std::set<std::string> names;
  for (const RewardRuleSpec& spec : rules) {
    RuleOptions options(spec.option().begin(), spec.option().end());
    auto term = TakeTerm(spec.weight(), &options);
    R1_ASSIGN_OR_RETURN(std::shared_ptr<const RewardRule> rule,
                        registry.Make(spec.name(), options));
    if (!term.ok()) {
      return Annotate(term.status(),
                      absl::StrCat("reward rule \"", spec.name(), "\""));
    }
    if (!std::isfinite(spec.weight())) {
      return absl::InvalidArgumentError(
          absl::StrCat("reward rule \"", spec.name(), "\": weight ",
                       spec.weight(), " is not finite"));
    }
    if (!names.insert(spec.name()).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "reward rule \"", spec.name(), "\" is listed twice; keep one"));
    }
    term->is_group = rule->compares_samples();
    scorer.terms_.push_back(*term);
    Entry entry;
    entry.name = spec.name();
    entry.rule = std::move(rule);
    scorer.rules_.push_back(std::move(entry));
  }
  R1_RETURN_IF_ERROR(scorer.FindNeeds());
  return scorer;
}

absl::Status Scorer::FindNeeds() {
  for (Entry& entry : rules_) {
    const std::string needs = entry.rule->needs();
    if (needs.empty()) continue;
    for (size_t r = 0; r < rules_.size(); ++r) {
      if (rules_[r].name == needs && !terms_[r].is_group) entry.needs = r;
    }
    if (entry.needs < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "reward rule \"", entry.name, "\" reads the scores of \"",
          Excerpt(needs), "\", which is no rule of this request that judges ",
          "one sample: add it, with weight 0 if it is not to count"));
    }
  }
  return OrderRest();
}

absl::Status Scorer::OrderRest() {
  // By the number of rules that must have been called.
  std::multimap<size_t, size_t> by_depth;
  for (size_t r = 0; r < rules_.size(); ++r) {
    size_t depth = 0;
    for (int next = rules_[r].needs; next >= 0; next = rules_[next].needs) {
      if (++depth <= rules_.size()) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "reward rule \"", rules_[r].name, "\" reads the scores of \"",
          rules_[rules_[r].needs].name,
          "\", which depend on themselves: name another rule"));
    }
    if (rules_[r].is_rest()) by_depth.insert({depth, r});
  }
  for (const auto& [depth, r] : by_depth) rest_.push_back(r);
  return absl::OkStatus();
}

Scorer Scorer::AtStep(int64_t step) const {
  Scorer scorer = *this;
  scorer.context_.step = step;
  return scorer;
}

bool Scorer::compares_samples() const {
  return std::any_of(terms_.begin(), terms_.end(),
                     [](const Term& term) { return term.is_group; });
}

bool Scorer::has_batch_rule() const {
  return std::any_of(rules_.begin(), rules_.end(), [](const Entry& entry) {
    return entry.rule->AsBatchRule() != nullptr;
  });
}

const RewardRule* Scorer::Find(absl::string_view name) const {
  for (const Entry& entry : rules_) {
    if (entry.name == name) return entry.rule.get();
  }
  return nullptr;
}

std::vector<RuleResult> Scorer::ScoreAlone(const RewardItem& item,
                                           absl::Time deadline) const {
  RuleContext context = context_;
  context.deadline = deadline;
  std::vector<RuleResult> results;
  for (const Entry& entry : rules_) {
    const bool is_here =
        !entry.is_rest() && entry.rule->AsBatchRule() == nullptr;
    results.push_back(is_here ? CallRule(*entry.rule, item, context)
                              : RuleResult());
  }
  return results;
}

std::vector<std::vector<std::optional<RuleResult>>> Scorer::ScoreBatches(
    absl::Span<const RewardItem* const> items, absl::Duration item_limit,
    absl::Time deadline) const {
  RuleContext context = context_;
  context.item_limit = item_limit;
  context.deadline = deadline;
  std::vector<std::vector<std::optional<RuleResult>>> results(
      items.size(), std::vector<std::optional<RuleResult>>(rules_.size()));
  // At the same time: each waits for another process.
  std::vector<std::thread> threads;
  for (size_t r = 0; r < rules_.size(); ++r) {
    if (rules_[r].rule->AsBatchRule() == nullptr) continue;
    threads.emplace_back([&, r] {
      std::vector<RuleResult> scores =
          CallBatchRule(*rules_[r].rule->AsBatchRule(), items, context);
      for (size_t i = 0; i < items.size(); ++i) {
        results[i][r] = std::move(scores[i]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return results;
}

const double* Scorer::NeededScore(size_t r,
                                  std::vector<RuleResult>* results) const {
  static const double kNone = 0;
  if (rules_[r].needs < 0) return &kNone;
  const RuleResult& needed = (*results)[rules_[r].needs];
  if (needed.kind == REWARD_SCORE) return &needed.value;
  (*results)[r] = needed;
  (*results)[r].detail =
      absl::StrCat("no score of ", rules_[rules_[r].needs].name);
  return nullptr;
}

void Scorer::ScoreRest(absl::Span<const RewardItem* const> items,
                       absl::Time deadline,
                       absl::Span<std::vector<RuleResult>> results) const {
  std::map<std::string, std::vector<size_t>> groups;
  for (size_t i = 0; i < items.size(); ++i) {
    // No group can be named like this: ids are UTF-8.
    const std::string own = absl::StrCat("\xFF", i);
    groups[items[i]->group().empty() ? own : items[i]->group()].push_back(i);
  }
  RuleContext context = context_;
  context.deadline = deadline;
  for (const size_t r : rest_) {
    const RewardRule& rule = *rules_[r].rule;
    for (const auto& [name, indices] : groups) {
      std::vector<GroupMember> members;
      std::vector<size_t> places;
      for (const size_t i : indices) {
        const double* needed = NeededScore(r, &results[i]);
        if (needed == nullptr) continue;
        members.push_back({items[i], *needed});
        places.push_back(i);
      }
      if (members.empty()) continue;
      std::vector<RuleResult> scores;
      if (rule.AsGroupRule() != nullptr) {
        scores = CallGroupRule(*rule.AsGroupRule(), members, context);
      } else {
        for (const GroupMember& member : members) {
          context.needed = member.needed;
          scores.push_back(CallRule(rule, *member.item, context));
        }
      }
      for (size_t m = 0; m < places.size(); ++m) {
        results[places[m]][r] = std::move(scores[m]);
      }
    }
  }
}

RewardResult Scorer::ComposeResult(const RewardItem& item,
                                   absl::Span<const RuleResult> results) const {
  RewardResult reward;
  reward.set_id(item.id());
  RewardKind kind = REWARD_SCORE;
  std::string detail, why_not;
  bool has_weight = false, applies = false;
  std::vector<std::optional<double>> scores;
  for (size_t r = 0; r < rules_.size(); ++r) {
    const RuleResult& result = results[r];
    auto& score = scores.emplace_back();
    AddFindings(rules_[r].name, result, &reward, &detail);
    has_weight |= terms_[r].weight != 0;
    if (result.kind == REWARD_NOT_APPLICABLE) {
      reward.add_not_applicable(rules_[r].name);
      AppendDetail(rules_[r].name, result.detail, &why_not);
      continue;
    }
    applies |= terms_[r].weight != 0;
    if (result.kind == REWARD_SCORE) {
      RewardComponent* component = reward.add_components();
      component->set_name(rules_[r].name);
      component->set_value(result.value);
      score = result.value;
    }
    AppendDetail(rules_[r].name, result.detail, &detail);
    if (terms_[r].is_required() && Severity(result.kind) > Severity(kind)) {
      kind = result.kind;
    }
  }
  if (has_weight && !applies && Severity(kind) < Severity(REWARD_ABSTAIN)) {
    kind = REWARD_ABSTAIN;
    AppendDetail("no rule with weight applies", why_not, &detail);
  }
  const Totals totals = Compose(terms_, scores);
  if (!std::isfinite(totals.total) || !std::isfinite(totals.raw)) {
    kind = REWARD_ERROR;
    AppendDetail("total",
                 absl::StrCat("becomes ", totals.total, ", raw ", totals.raw,
                              ": the weights are too big"),
                 &detail);
  }
  reward.set_kind(kind);
  if (kind == REWARD_SCORE) {
    reward.set_total(totals.total);
    reward.set_raw_total(totals.raw);
  }
  reward.set_detail(ToValidUtf8(detail));
  return reward;
}

RewardResult Scorer::Score(const RewardItem& item, absl::Time deadline) const {
  std::vector<RuleResult> results = ScoreAlone(item, deadline);
  const RewardItem* const items[] = {&item};
  const auto batch = ScoreBatches(items, absl::InfiniteDuration(), deadline);
  for (size_t r = 0; r < results.size(); ++r) {
    if (batch[0][r].has_value()) results[r] = *batch[0][r];
  }
  ScoreRest(items, deadline, absl::MakeSpan(&results, 1));
  return ComposeResult(item, results);
}

RewardResult TimeoutResult(const std::string& id, std::string detail) {
  RewardResult result;
  result.set_id(id);
  result.set_kind(REWARD_TIMEOUT);
  result.set_detail(std::move(detail));
  return result;
}

}  // namespace r1

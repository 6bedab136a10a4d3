#include "reward/core/scorer.h"

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
#include "reward/core/text.h"

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

// One checked result an item, whatever the rule does: it may come from
// elsewhere and throw, and one sample must not end a run.
std::vector<RuleResult> Call(const RewardRule& rule,
                             absl::Span<const RewardItem* const> items,
                             const RuleContext& context) {
  const auto all = [&](const RuleResult& result) {
    return std::vector<RuleResult>(items.size(), result);
  };
  // One that judges elsewhere keeps to the deadline by itself, item by item.
  const absl::Time deadline = rule.grain() == RuleGrain::kBatch
                                  ? absl::InfiniteFuture()
                                  : context.deadline;
  if (absl::Now() >= deadline) {
    return all(RuleResult::Timeout("not started before the deadline"));
  }
  std::vector<RuleResult> results;
  try {
    results = rule.Judge(items, context);
  } catch (const std::exception& error) {
    return all(
        RuleResult::Error(absl::StrCat("threw: ", Excerpt(error.what()))));
  } catch (...) {
    return all(RuleResult::Error("threw"));
  }
  if (results.size() != items.size()) {
    return all(RuleResult::Error(absl::StrCat(
        "gave ", results.size(), " results for ", items.size(), " samples")));
  }
  for (RuleResult& result : results) {
    result = Checked(std::move(result), rule, deadline);
  }
  return results;
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
    term->from_step = spec.from_step();
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
  return OrderRules();
}

absl::Status Scorer::OrderRules() {
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
    by_depth.insert({depth, r});
  }
  for (const auto& [depth, r] : by_depth) order_.push_back(r);
  return absl::OkStatus();
}

Scorer Scorer::AtStep(int64_t step, int max_new_tokens) const {
  Scorer scorer = *this;
  scorer.context_.step = step;
  scorer.context_.max_new_tokens = max_new_tokens;
  for (Term& term : scorer.terms_) {
    if (step == 0 || term.from_step <= step) continue;
    term.weight = 0;
    term.gate.reset();
  }
  return scorer;
}

bool Scorer::compares_samples() const {
  return std::any_of(terms_.begin(), terms_.end(),
                     [](const Term& term) { return term.is_group; });
}

const RewardRule* Scorer::Find(absl::string_view name) const {
  for (const Entry& entry : rules_) {
    if (entry.name == name) return entry.rule.get();
  }
  return nullptr;
}

Scorer::Stage Scorer::Entry::stage() const {
  if (needs >= 0 || rule->grain() == RuleGrain::kGroup) return Stage::kRest;
  return rule->grain() == RuleGrain::kBatch ? Stage::kElsewhere : Stage::kAlone;
}

void Scorer::Ask(Stage stage, absl::Span<const RewardItem* const> items,
                 absl::Duration item_limit, absl::Time deadline,
                 absl::Span<RuleResults> results) const {
  RuleContext context = context_;
  context.item_limit = item_limit;
  context.deadline = deadline;
  std::vector<std::thread> threads;
  for (const size_t r : order_) {
    if (rules_[r].stage() != stage) continue;
    if (stage == Stage::kElsewhere) {
      // At the same time: each waits for another process.
      threads.emplace_back([&, r] { AskRule(r, items, context, results); });
    } else {
      AskRule(r, items, context, results);
    }
  }
  for (std::thread& thread : threads) thread.join();
}

std::vector<std::vector<size_t>> Scorer::CallsOf(
    size_t r, absl::Span<const RewardItem* const> items,
    absl::Span<RuleResults> results) const {
  const Entry& entry = rules_[r];
  std::vector<std::vector<size_t>> calls;
  std::map<absl::string_view, size_t> call_of_group;
  for (size_t i = 0; i < items.size(); ++i) {
    std::string mismatch = terms_[r].rows.Mismatch(items[i]->reference());
    if (!mismatch.empty()) {
      results[i][r] = RuleResult::NotApplicable(std::move(mismatch));
      continue;
    }
    if (entry.needs >= 0) {
      const RuleResult& needed = *results[i][entry.needs];
      if (needed.kind != REWARD_SCORE) {
        results[i][r] = needed;
        results[i][r]->detail =
            absl::StrCat("no score of ", rules_[entry.needs].name);
        continue;
      }
    }
    size_t call = calls.size();
    if (entry.rule->grain() == RuleGrain::kBatch) {
      call = 0;
    } else if (entry.rule->grain() == RuleGrain::kGroup &&
               !items[i]->group().empty()) {
      call = call_of_group.insert({items[i]->group(), call}).first->second;
    }
    if (call == calls.size()) calls.emplace_back();
    calls[call].push_back(i);
  }
  return calls;
}

void Scorer::AskRule(size_t r, absl::Span<const RewardItem* const> items,
                     RuleContext context,
                     absl::Span<RuleResults> results) const {
  const Entry& entry = rules_[r];
  if (entry.stage() == Stage::kRest &&
      entry.rule->grain() != RuleGrain::kBatch) {
    context.deadline = absl::InfiniteFuture();
  }
  for (const std::vector<size_t>& places : CallsOf(r, items, results)) {
    std::vector<const RewardItem*> judged;
    std::vector<double> needed;
    for (const size_t i : places) {
      judged.push_back(items[i]);
      if (entry.needs >= 0) needed.push_back(results[i][entry.needs]->value);
    }
    context.needed = needed;
    std::vector<RuleResult> given = Call(*entry.rule, judged, context);
    for (size_t p = 0; p < places.size(); ++p) {
      results[places[p]][r] = std::move(given[p]);
    }
  }
}

RewardResult Scorer::ComposeResult(const RewardItem& item,
                                   const RuleResults& results) const {
  RewardResult reward;
  reward.set_id(item.id());
  RewardKind kind = REWARD_SCORE;
  std::string detail, why_not;
  bool has_weight = false, applies = false;
  std::vector<std::optional<double>> scores;
  for (size_t r = 0; r < rules_.size(); ++r) {
    const RuleResult& result = *results[r];
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

std::vector<RewardResult> Scorer::Score(
    absl::Span<const RewardItem* const> items, absl::Time deadline) const {
  std::vector<RuleResults> results(items.size(), NoResults());
  for (const Stage stage : {Stage::kAlone, Stage::kElsewhere, Stage::kRest}) {
    Ask(stage, items, absl::InfiniteDuration(), deadline,
        absl::MakeSpan(results));
  }
  std::vector<RewardResult> rewards;
  for (size_t i = 0; i < items.size(); ++i) {
    rewards.push_back(ComposeResult(*items[i], results[i]));
  }
  return rewards;
}

RewardResult Scorer::Score(const RewardItem& item, absl::Time deadline) const {
  return Score({&item}, deadline)[0];
}

}  // namespace r1

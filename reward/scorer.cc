#include "reward/scorer.h"

#include <cmath>
#include <cstddef>
#include <exception>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
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
RuleResult CallRule(const RewardRule& rule, const RewardItem& item,
                    const RuleContext& context) {
  try {
    return rule.Score(item, context);
  } catch (const std::exception& error) {
    return RuleResult::Error(absl::StrCat("threw: ", Excerpt(error.what())));
  } catch (...) {
    return RuleResult::Error("threw");
  }
}

// The rule's result after the checks that every rule must pass.
RuleResult CheckedResult(const RewardRule& rule, const RewardItem& item,
                         const RuleContext& context) {
  if (absl::Now() >= context.deadline) {
    return RuleResult::Timeout("not started before the deadline");
  }
  RuleResult result = CallRule(rule, item, context);
  if (absl::Now() >= context.deadline) {
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
    return RuleResult::Error(absl::StrCat("gave ", result.value,
                                          ", outside its range [", range.lowest,
                                          ", ", range.highest, "]"));
  }
  return result;
}

// Appends "name: detail" to the item's one-line detail.
void AppendDetail(const std::string& name, const std::string& detail,
                  std::string* line) {
  if (detail.empty() || line->size() >= kMaxDetailBytes) return;
  absl::StrAppend(line, line->empty() ? "" : "; ", name, ": ", detail);
  if (line->size() > kMaxDetailBytes) line->resize(kMaxDetailBytes);
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
    R1_ASSIGN_OR_RETURN(
        std::unique_ptr<const RewardRule> rule,
        registry.Make(spec.name(),
                      RuleOptions(spec.option().begin(), spec.option().end())));
    if (!std::isfinite(spec.weight())) {
      return absl::InvalidArgumentError(
          absl::StrCat("reward rule \"", spec.name(), "\": weight ",
                       spec.weight(), " is not finite"));
    }
    if (!names.insert(spec.name()).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "reward rule \"", spec.name(), "\" is listed twice; keep one"));
    }
    scorer.rules_.push_back({spec.name(), spec.weight(), std::move(rule)});
  }
  return scorer;
}

RewardResult Scorer::Score(const RewardItem& item, absl::Time deadline) const {
  RewardResult reward;
  reward.set_id(item.id());
  RuleContext context = context_;
  context.deadline = deadline;
  RewardKind kind = REWARD_SCORE;
  double total = 0;
  std::string detail;
  for (const Entry& entry : rules_) {
    RuleResult result = CheckedResult(*entry.rule, item, context);
    if (result.kind == REWARD_SCORE) {
      RewardComponent* component = reward.add_components();
      component->set_name(entry.name);
      component->set_value(result.value);
      total += entry.weight * result.value;
      if (!std::isfinite(total)) {
        result = RuleResult::Error(absl::StrCat(
            "the total becomes ", total, " with its weight ", entry.weight));
        total = 0;
      }
    }
    AppendDetail(entry.name, result.detail, &detail);
    if (entry.weight != 0 && Severity(result.kind) > Severity(kind)) {
      kind = result.kind;
    }
  }
  reward.set_kind(kind);
  if (kind == REWARD_SCORE) reward.set_total(total);
  reward.set_detail(ToValidUtf8(detail));
  return reward;
}

RewardResult TimeoutResult(const std::string& id, std::string detail) {
  RewardResult result;
  result.set_id(id);
  result.set_kind(REWARD_TIMEOUT);
  result.set_detail(std::move(detail));
  return result;
}

}  // namespace r1

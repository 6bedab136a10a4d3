#include "reward/builtin_rules.h"

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "reward/answer/answer_rule.h"
#include "reward/code/code_rule.h"
#include "reward/countdown/countdown_rule.h"
#include "reward/format/format_rule.h"
#include "reward/format/tag_count_rule.h"
#include "reward/language/language_rule.h"
#include "reward/length/cosine_rule.h"
#include "reward/length/group_length_rule.h"
#include "reward/length/overlong_rule.h"
#include "reward/math/math_rule.h"
#include "reward/repetition/repetition_rule.h"

namespace r1 {
namespace {

// Add<Rule>(name, registry), Add<Rule, Options>(name, registry[, example]).
template <typename... RuleAndOptions>
void Add(absl::string_view name, RewardRegistry* registry,
         RuleOptions example = {}) {
  R1_CHECK(
      registry
          ->Register(name, MakesRule<RuleAndOptions...>(), std::move(example))
          .ok(),
      "built-in names are valid and differ");
}

RewardRuleSpec Spec(const char* name, double weight) {
  RewardRuleSpec spec;
  spec.set_name(name);
  spec.set_weight(weight);
  return spec;
}

// The configured rules whose option "when" passes. That option is no business
// of who scores; one with a bad value stays, to be refused.
template <typename Passes>
std::vector<RewardRuleSpec> RulesWhere(const RewardSection& section,
                                       const Passes& passes) {
  std::vector<RewardRuleSpec> rules;
  for (const WeightedRule& rule : section.rule()) {
    RewardRuleSpec spec = Spec(rule.name().c_str(), rule.weight());
    *spec.mutable_option() = rule.option();
    const auto it = spec.option().find("when");
    const std::string when = it == spec.option().end() ? "train" : it->second;
    if (!passes(when)) continue;
    if (when == "train" || when == "eval" || when == "both") {
      spec.mutable_option()->erase("when");
    }
    rules.push_back(std::move(spec));
  }
  return rules;
}

}  // namespace

RewardRegistry BuiltinRewardRules() {
  RewardRegistry registry;
  Add<FormatRule>("format", &registry);
  Add<FormatLenientRule>("format_lenient", &registry);
  Add<ExactAnswerRule>("exact_answer", &registry);
  Add<ExactAnswerLenientRule>("exact_answer_lenient", &registry);
  Add<CountdownRule>("countdown", &registry);
  Add<CountdownLenientRule>("countdown_lenient", &registry);
  Add<TagCountRule>("tag_count", &registry);
  Add<LanguageRule, LanguageOptions>("language", &registry);
  Add<RepetitionRule, RepetitionOptions>("repetition", &registry);
  Add<MathRule, MathOptions>("math", &registry);
  Add<OverlongRule, OverlongOptions>("overlong", &registry);
  Add<CosineRule, CosineOptions>("cosine", &registry);
  Add<GroupLengthRule, GroupLengthOptions>("group_length", &registry,
                                           {{"answer", "exact_answer"}});
  Add<CodeRule, CodeOptions>("code", &registry);
  return registry;
}

const char* AnswerRuleName(Task task) {
  return task == COUNTDOWN ? "countdown" : "exact_answer";
}

const char* LenientAnswerRuleName(Task task) {
  return task == COUNTDOWN ? "countdown_lenient" : "exact_answer_lenient";
}

std::vector<RewardRuleSpec> DefaultRules(Task task) {
  return {Spec(AnswerRuleName(task), 1), Spec("format", 1),
          Spec(LenientAnswerRuleName(task), 0), Spec("format_lenient", 0),
          Spec("overlong", 0)};
}

std::vector<RewardRuleSpec> ConfiguredRules(const RewardSection& section,
                                            Task task) {
  if (section.rule().empty()) return DefaultRules(task);
  return RulesWhere(section,
                    [](const std::string& when) { return when != "eval"; });
}

std::vector<RewardRuleSpec> EvalRules(const RewardSection& section, Task task) {
  const auto rules = RulesWhere(section, [](const std::string& when) {
    return when == "eval" || when == "both";
  });
  if (!rules.empty()) return rules;
  return {Spec(AnswerRuleName(task), 1)};
}

}  // namespace r1

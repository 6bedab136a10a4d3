#include "reward/builtin_rules.h"

#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "reward/answer/answer_rule.h"
#include "reward/countdown/countdown_rule.h"
#include "reward/format/format_rule.h"
#include "reward/length/overlong_rule.h"
#include "reward/math/math_rule.h"

namespace r1 {
namespace {

template <typename Rule>
void Add(absl::string_view name, RewardRegistry* registry) {
  R1_CHECK(registry->Register(name, std::make_unique<Rule>()).ok(),
           "built-in names are valid and differ");
}

RewardRuleSpec Spec(const char* name, double weight) {
  RewardRuleSpec spec;
  spec.set_name(name);
  spec.set_weight(weight);
  return spec;
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
  Add<MathRule>("math", &registry);
  Add<OverlongRule>("overlong", &registry);
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
  std::vector<RewardRuleSpec> rules;
  for (const WeightedRule& rule : section.rule()) {
    rules.push_back(Spec(rule.name().c_str(), rule.weight()));
  }
  return rules;
}

}  // namespace r1

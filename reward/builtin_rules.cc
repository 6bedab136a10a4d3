#include "reward/builtin_rules.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "reward/answer/answer_rule.h"
#include "reward/code/code_rule.h"
#include "reward/countdown/countdown_rule.h"
#include "reward/format/format_rule.h"
#include "reward/instruction/instruction_rule.h"
#include "reward/language/language_rule.h"
#include "reward/length/cosine_rule.h"
#include "reward/length/group_length_rule.h"
#include "reward/length/overlong_rule.h"
#include "reward/math/math_rule.h"
#include "reward/refusal/refusal_rule.h"
#include "reward/repetition/repetition_rule.h"
#include "reward/steps/true_steps_rule.h"

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
    spec.set_from_step(rule.from_step());
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

// The rules to train by that the configuration names, or the task's.
std::vector<RewardRuleSpec> TrainingRules(const RewardSection& section,
                                          Task task) {
  if (section.rule().empty()) return DefaultRules(task);
  return RulesWhere(section,
                    [](const std::string& when) { return when != "eval"; });
}

const RewardRuleSpec* Find(absl::Span<const RewardRuleSpec> rules,
                           absl::string_view name) {
  for (const RewardRuleSpec& rule : rules) {
    if (rule.name() == name) return &rule;
  }
  return nullptr;
}

bool IsConfigured(const RewardSection& section, absl::string_view name) {
  return std::any_of(section.rule().begin(), section.rule().end(),
                     [&](const auto& rule) { return rule.name() == name; });
}

// Built-in rules that say whether an answer is right; the other built-in ones
// look at form, language or length.
bool IsAnswerRule(const RewardRuleSpec& rule) {
  return ReadsAnswers(rule.name()) || rule.name() == "code" ||
         rule.name() == "instruction" || rule.name() == "refusal";
}

bool IsShapeRule(const RewardRuleSpec& rule) {
  static constexpr const char* kNames[] = {
      "format",   "format_lenient", "tag_count",    "language",  "repetition",
      "overlong", "cosine",         "group_length", "true_steps"};
  return absl::c_linear_search(kNames, rule.name());
}

// What is not built in may say anything; most say whether an answer is right.
bool MayJudge(const RewardRuleSpec& rule) { return !IsShapeRule(rule); }

bool IsPaid(const RewardRuleSpec& rule) {
  return rule.weight() > 0 || rule.option().contains("gate");
}

// The first that passes of the rules that training pays for.
template <typename Passes>
const RewardRuleSpec* FindPaid(absl::Span<const RewardRuleSpec> rules,
                               const Passes& passes) {
  std::set<std::string> needed;  // by a rule that is paid for
  for (const RewardRuleSpec& rule : rules) {
    const auto answer = rule.option().find("answer");
    if (IsPaid(rule) && IsShapeRule(rule) && answer != rule.option().end()) {
      needed.insert(answer->second);
    }
  }
  for (const RewardRuleSpec& rule : rules) {
    if (passes(rule) && (IsPaid(rule) || needed.contains(rule.name()))) {
      return &rule;
    }
  }
  return nullptr;
}

const RewardRuleSpec* FindPaidJudge(absl::Span<const RewardRuleSpec> rules) {
  const RewardRuleSpec* rule = FindPaid(rules, IsAnswerRule);
  return rule != nullptr ? rule : FindPaid(rules, MayJudge);
}

const RewardRuleSpec* FindMeasuredJudge(
    absl::Span<const RewardRuleSpec> rules) {
  const auto it = std::find_if(rules.begin(), rules.end(), IsAnswerRule);
  return it == rules.end() ? nullptr : &*it;
}

// Whether it judges some rows, and others may judge the rest.
bool JudgesSomeRows(const RewardRuleSpec& rule) {
  return MayJudge(rule) && rule.option().contains("for");
}

// Puts the judges of other rows behind the first one.
void AddJudgesOfOtherRows(absl::Span<const RewardRuleSpec> training,
                          std::vector<RewardRuleSpec>* rules) {
  auto end =
      std::stable_partition(rules->begin() + 1, rules->end(), JudgesSomeRows);
  for (const RewardRuleSpec& rule : training) {
    if (!JudgesSomeRows(rule) || !IsPaid(rule)) continue;
    if (Find(*rules, rule.name())) continue;
    end = rules->insert(end, rule) + 1;
  }
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
  Add<InstructionRule, InstructionRuleOptions>("instruction", &registry);
  Add<RefusalRule, RefusalOptions>("refusal", &registry);
  Add<TrueStepsRule, TrueStepsOptions>("true_steps", &registry);
  return registry;
}

const char* AnswerRuleName(Task task) {
  switch (task) {
    case COUNTDOWN:
      return "countdown";
    case INSTRUCTION:
      return "instruction";
    case REQUEST:
      return "refusal";
    default:
      return "exact_answer";
  }
}

const char* LenientAnswerRuleName(Task task) {
  const absl::string_view strict = AnswerRuleName(task);
  if (strict == "countdown") return "countdown_lenient";
  if (strict == "exact_answer") return "exact_answer_lenient";
  return "";
}

bool ReadsAnswers(absl::string_view rule) {
  static constexpr const char* kNames[] = {"countdown", "countdown_lenient",
                                           "exact_answer",
                                           "exact_answer_lenient", "math"};
  return absl::c_linear_search(kNames, rule);
}

std::vector<RewardRuleSpec> DefaultRules(Task task) {
  std::vector<RewardRuleSpec> rules = {Spec(AnswerRuleName(task), 1),
                                       Spec("format", 1)};
  const char* lenient = LenientAnswerRuleName(task);
  if (*lenient != '\0') rules.push_back(Spec(lenient, 0));
  rules.push_back(Spec("format_lenient", 0));
  rules.push_back(Spec("overlong", 0));
  return rules;
}

std::vector<RewardRuleSpec> ConfiguredRules(const RewardSection& section,
                                            Task task) {
  std::vector<RewardRuleSpec> rules = TrainingRules(section, task);
  const RewardRuleSpec judge = EvalRules(section, task)[0];
  if (IsConfigured(section, judge.name()) || Find(rules, judge.name())) {
    return rules;
  }
  rules.push_back(Spec(judge.name().c_str(), 0));
  return rules;
}

std::vector<RewardRuleSpec> EvalRules(const RewardSection& section, Task task) {
  std::vector<RewardRuleSpec> rules = RulesWhere(
      section,
      [](const std::string& when) { return when == "eval" || when == "both"; });
  const std::vector<RewardRuleSpec> training = TrainingRules(section, task);
  auto judge = std::find_if(rules.begin(), rules.end(), MayJudge);
  if (judge == rules.end()) {
    if (const RewardRuleSpec* paid = FindPaidJudge(training)) {
      judge = rules.insert(rules.begin(), *paid);
    } else if (!rules.empty()) {
      judge = rules.begin();
    } else if (const RewardRuleSpec* measured = FindMeasuredJudge(training)) {
      judge = rules.insert(rules.begin(), *measured);
    } else {
      judge = rules.insert(rules.begin(), Spec(AnswerRuleName(task), 1));
    }
  }
  std::rotate(rules.begin(), judge, judge + 1);
  if (JudgesSomeRows(rules[0])) AddJudgesOfOtherRows(training, &rules);
  return rules;
}

std::vector<RewardRuleSpec> JudgesOf(absl::Span<const RewardRuleSpec> rules) {
  auto end = rules.begin() + 1;
  if (JudgesSomeRows(rules[0])) {
    end = std::find_if_not(end, rules.end(), JudgesSomeRows);
  }
  return {rules.begin(), end};
}

std::string RuleNames(absl::Span<const RewardRuleSpec> rules) {
  return absl::StrJoin(rules, ", ", [](std::string* out, const auto& rule) {
    out->append(rule.name());
  });
}

std::vector<std::string> AccuracyRules(const RewardSection& section,
                                       Task task) {
  const std::vector<RewardRuleSpec> rules = ConfiguredRules(section, task);
  std::vector<std::string> names;
  for (const RewardRuleSpec& judge : JudgesOf(EvalRules(section, task))) {
    if (Find(rules, judge.name())) names.push_back(judge.name());
  }
  if (!names.empty()) return names;
  const RewardRuleSpec* rule = FindPaidJudge(rules);
  if (rule == nullptr) rule = FindMeasuredJudge(rules);
  if (rule != nullptr) names.push_back(rule->name());
  return names;
}

}  // namespace r1

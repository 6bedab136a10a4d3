#include "pipeline/evaluation/judge_samples.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "reward/builtin_rules.h"

namespace r1 {
namespace {

bool IsConfigured(const RewardSection& section, absl::string_view name) {
  return std::any_of(section.rule().begin(), section.rule().end(),
                     [&](const auto& rule) { return rule.name() == name; });
}

}  // namespace

std::vector<RewardRuleSpec> JudgingRules(const RewardSection& section,
                                         Task task, const RewardLink& link) {
  std::vector<RewardRuleSpec> rules = EvalRules(section, task);
  const std::vector<RewardRuleSpec> judges = JudgesOf(rules);
  // Nothing learns from the total; where one of these fails, so does the
  // sample.
  for (size_t j = 0; j < judges.size(); ++j) rules[j].set_weight(1);
  std::vector<std::string> more = {kFormatRule};
  if (absl::c_any_of(judges,
                     [](const RewardRuleSpec& judge) {
                       return ReadsAnswers(judge.name());
                     }) &&
      *LenientAnswerRuleName(task) != '\0') {
    more.insert(more.begin(), LenientAnswerRuleName(task));
  }
  for (const std::string& name : more) {
    const bool is_there = std::any_of(
        rules.begin(), rules.end(),
        [&](const RewardRuleSpec& rule) { return rule.name() == name; });
    if (!is_there && link.HasRule(name)) rules.emplace_back().set_name(name);
  }
  return rules;
}

absl::StatusOr<std::unique_ptr<RewardSource>> MakeJudge(
    const RewardSection& section, Task task, const RewardLink& link) {
  std::vector<RewardRuleSpec> rules = JudgingRules(section, task, link);
  const std::string& judge = rules[0].name();
  if (!section.rule().empty() && !IsConfigured(section, judge) &&
      !link.HasRule(judge)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no rule says whether an answer is right: none of reward.rule does, "
        "and the reward server does not have the task's, \"",
        judge,
        "\". Name one with option { key: \"when\" value: \"eval\" } in "
        "reward.rule"));
  }
  return link.MakeSource(std::move(rules));
}

absl::StatusOr<std::vector<RewardResult>> ScoreSamples(
    const std::vector<Prompt>& prompts,
    const std::vector<Trajectory>& trajectories,
    const std::vector<std::string>& completions, const EvalOptions& options,
    RewardSource* source, const EvalProgress& progress) {
  const size_t k = options.samples;
  absl::flat_hash_map<std::string, size_t> awaited;  // position by id
  for (size_t p = 0; p < prompts.size(); ++p) {
    std::vector<RewardItem> items;
    for (size_t i = p * k; i < (p + 1) * k; ++i) {
      items.push_back(
          MakeRewardItem(prompts[p], trajectories[i], completions[i]));
      awaited.emplace(items.back().id(), i);
    }
    if (source->compares_samples()) {
      source->SubmitTogether(std::move(items));
    } else {
      for (RewardItem& item : items) source->Submit(std::move(item));
    }
  }
  std::vector<RewardResult> results(trajectories.size());
  absl::Time next_look = absl::Now();
  while (!awaited.empty()) {
    auto result = source->Next(absl::Now() + kEvalPoll);
    if (result.ok()) {
      const auto it = awaited.find(result->id());
      if (it == awaited.end()) {
        return absl::InternalError(
            absl::StrCat("evaluation: a reward arrived for \"", result->id(),
                         "\", which nobody waits for"));
      }
      results[it->second] = *std::move(result);
      awaited.erase(it);
    } else if (!absl::IsDeadlineExceeded(result.status())) {
      return result.status();
    }
    if (absl::Now() < next_look) continue;
    next_look = absl::Now() + kEvalPoll;
    const int64_t total = static_cast<int64_t>(trajectories.size());
    if (progress && !progress(total, total)) {
      return absl::CancelledError("the evaluation was interrupted");
    }
  }
  return results;
}

}  // namespace r1

#include "pipeline/folder/stage_rewards.h"

#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "nlohmann/json.hpp"
#include "pipeline/folder/model_path.h"
#include "pipeline/folder/stage_folder.h"
#include "proto/recipe.h"
#include "reward/builtin_rules.h"
#include "rollout/mixed_prompts.h"

namespace r1 {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using Json = nlohmann::ordered_json;

WeightedRule Rule(const char* name, float weight) {
  WeightedRule rule;
  rule.set_name(name);
  rule.set_weight(weight);
  return rule;
}

// Rules for the problems of all tasks.
std::vector<WeightedRule> CommonRules(const StageConfig& stage) {
  if (!stage.reward().rule().empty() || !stage.tasks_bring_rules()) {
    return {stage.reward().rule().begin(), stage.reward().rule().end()};
  }
  return {Rule("format", 1), Rule("format_lenient", 0), Rule("overlong", 0)};
}

std::vector<WeightedRule> RulesOfTask(const StageConfig& stage,
                                      const TaskSection& task) {
  if (!task.rule().empty() || !stage.tasks_bring_rules()) {
    return {task.rule().begin(), task.rule().end()};
  }
  std::vector<WeightedRule> rules = {Rule(AnswerRuleName(task.kind()), 1)};
  const char* lenient = LenientAnswerRuleName(task.kind());
  if (*lenient != '\0') rules.push_back(Rule(lenient, 0));
  // What the stage says itself, for all its problems, stands.
  std::erase_if(rules, [&](const WeightedRule& rule) {
    return absl::c_any_of(stage.reward().rule(), [&](const auto& own) {
      return own.name() == rule.name();
    });
  });
  return rules;
}

// `rule` for the problems of these tasks alone, whatever else its option "for"
// asks.
WeightedRule ForTasks(WeightedRule rule,
                      const std::vector<std::string>& names) {
  auto& options = *rule.mutable_option();
  Json filter = Json::parse(options.count("for") > 0 ? options["for"] : "{}",
                            /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!filter.is_object()) return rule;  // the reward says what is wrong
  filter[kTaskField] = names;
  options["for"] = filter.dump();
  return rule;
}

}  // namespace

StageConfig WithRewardModels(const StageConfig& stage,
                             const std::string& run_dir) {
  StageConfig resolved = stage;
  const auto resolve = [&](auto* rules) {
    for (int i = rules->size() - 1; i >= 0; --i) {
      auto& options = *rules->Mutable(i)->mutable_option();
      const auto it = options.find(kStageOption);
      if (it == options.end()) continue;
      const auto path = ResolveModelPath(StagePath(run_dir, it->second));
      options.erase(it);
      if (path.ok()) {
        options["path"] = *path;
      } else {
        rules->DeleteSubrange(i, 1);
      }
    }
  };
  resolve(resolved.mutable_reward()->mutable_rule());
  for (TaskSection& task : *resolved.mutable_task()) {
    resolve(task.mutable_rule());
  }
  return resolved;
}

RewardSection TaskReward(const StageConfig& stage, const TaskSection& task) {
  RewardSection reward = stage.reward();
  reward.clear_rule();
  for (WeightedRule& rule : CommonRules(stage)) *reward.add_rule() = rule;
  for (WeightedRule& rule : RulesOfTask(stage, task)) {
    *reward.add_rule() = rule;
  }
  return reward;
}

absl::StatusOr<RewardSection> StageReward(const StageConfig& stage) {
  if (stage.task_size() == 1) return TaskReward(stage, stage.task(0));
  RewardSection reward = stage.reward();
  reward.clear_rule();
  for (WeightedRule& rule : CommonRules(stage)) *reward.add_rule() = rule;
  // A rule that several tasks have in the same words is asked once.
  struct Shared {
    WeightedRule rule;
    std::vector<std::string> tasks;
  };
  std::vector<Shared> shared;
  for (const TaskSection& task : stage.task()) {
    for (const WeightedRule& rule : RulesOfTask(stage, task)) {
      bool is_known = false;
      for (const WeightedRule& common : reward.rule()) {
        if (common.name() != rule.name()) continue;
        return absl::InvalidArgumentError(absl::StrCat(
            "the rule \"", rule.name(), "\" stands in the stage ", stage.name(),
            " and in its task ", task.name(), ": expected one of the two"));
      }
      for (Shared& other : shared) {
        if (other.rule.name() != rule.name()) continue;
        if (!MessageDifferencer::Equals(other.rule, rule)) {
          return absl::InvalidArgumentError(absl::StrCat(
              "the tasks ", other.tasks.front(), " and ", task.name(),
              " of the stage ", stage.name(), " have the rule \"", rule.name(),
              "\" with different weights or options: a stage knows a rule "
              "once, "
              "so give both the same, or put them into two stages"));
        }
        other.tasks.push_back(task.name());
        is_known = true;
      }
      if (!is_known) shared.push_back({rule, {task.name()}});
    }
  }
  for (const Shared& s : shared) *reward.add_rule() = ForTasks(s.rule, s.tasks);
  return reward;
}

}  // namespace r1

// What an answer earns in a stage: the stage's rules and those of its tasks.
#ifndef R1_PIPELINE_FOLDER_STAGE_REWARDS_H_
#define R1_PIPELINE_FOLDER_STAGE_REWARDS_H_

#include <string>

#include "absl/status/statusor.h"
#include "proto/config.pb.h"

namespace r1 {

// The stage with option "path" in place of "stage" in rules of reward models:
// the newest checkpoint of that stage in `run_dir`. Rules whose reward model is
// yet to be trained are left out, so that the others can be checked.
StageConfig WithRewardModels(const StageConfig& stage,
                             const std::string& run_dir);

// The reward of one task's problems: the stage's rules, then the task's. In a
// recipe of several tasks one that names no rule has the answer rule of its
// kind, and a stage that names none has "format" and the metrics of
// DefaultRules (reward/builtin_rules.h).
RewardSection TaskReward(const StageConfig& stage, const TaskSection& task);

// The reward of all its problems: that of the only task, or the rules of each,
// where those that come from a task are for its problems alone (option "for").
// Errors: InvalidArgument for a rule that two tasks, or a task and the stage,
// have with different options.
absl::StatusOr<RewardSection> StageReward(const StageConfig& stage);

}  // namespace r1

#endif  // R1_PIPELINE_FOLDER_STAGE_REWARDS_H_

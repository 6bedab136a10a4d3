#include "pipeline/stages/training_prompts.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "proto/answer_length.h"
#include "rollout/mixed_prompts.h"

namespace r1 {

absl::StatusOr<std::unique_ptr<PromptSource>> MakeTrainingPrompts(
    const StageConfig& config, const ModelConfig& model,
    std::shared_ptr<const Tokenizer> tokenizer) {
  std::vector<TaskPrompts> tasks;
  for (int t = 0; t < config.task_size(); ++t) {
    R1_ASSIGN_OR_RETURN(
        std::unique_ptr<PromptSource> prompts,
        MakePromptSource(
            config.task(t), config.seed(), tokenizer,
            model.max_positions - MostNewTokens(config.rollout())));
    // A generator's prompts are of much the same length: one tells whether the
    // template leaves room.
    R1_RETURN_IF_ERROR(prompts->Train(0).status());
    tasks.push_back(
        {config.task(t).name(), config.share(t), std::move(prompts)});
  }
  if (tasks.size() == 1) return std::move(tasks[0].prompts);
  return std::make_unique<MixedPrompts>(std::move(tasks));
}

absl::StatusOr<std::vector<std::vector<Prompt>>> HeldOutByTask(
    const StageConfig& config, const PromptSource& prompts) {
  R1_ASSIGN_OR_RETURN(std::vector<Prompt> all,
                      prompts.HeldOut(config.eval().problems()));
  std::vector<std::vector<Prompt>> by_task(config.task_size());
  for (Prompt& prompt : all) {
    by_task[TaskOfHeldOut(prompt.id())].push_back(std::move(prompt));
  }
  return by_task;
}

void WarnOfFewHeldOut(const StageConfig& config,
                      const std::vector<std::vector<Prompt>>& by_task) {
  const int wanted = config.eval().problems();
  for (int t = 0; t < config.task_size(); ++t) {
    const int found = static_cast<int>(by_task[t].size());
    if (found >= wanted) continue;
    LogWarning(absl::StrCat("eval.problems is ", wanted, ", but only ", found,
                            " different problems are held out",
                            config.task_size() > 1
                                ? absl::StrCat(" of ", config.task(t).name())
                                : "",
                            ": evaluations are about these"));
  }
}

}  // namespace r1

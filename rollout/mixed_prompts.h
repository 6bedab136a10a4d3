// The problems of several tasks, mixed by shares.
#ifndef R1_ROLLOUT_MIXED_PROMPTS_H_
#define R1_ROLLOUT_MIXED_PROMPTS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rollout/prompt_source.h"

namespace r1 {

struct TaskPrompts {
  std::string name;
  double share = 1;  // relative to those of the others
  std::unique_ptr<PromptSource> prompts;
};

// Of every 1,000 prompts in a row each task has its share, to a prompt, spread
// evenly; which task prompt i is of, and which of its problems, is a function
// of i and the shares. References tell the task in the field kTaskField.
// Threads: as PromptSource.
class MixedPrompts : public PromptSource {
 public:
  // One or more tasks.
  explicit MixedPrompts(std::vector<TaskPrompts> tasks);

  absl::StatusOr<Prompt> Train(uint64_t index) const override;
  // `count` of each task.
  absl::StatusOr<std::vector<Prompt>> HeldOut(int64_t count) const override;
  std::string DataHash() const override;

 private:
  static constexpr uint64_t kCycle = 1000;

  const std::vector<TaskPrompts> tasks_;
  // By position in a cycle: the task, and how many of its prompts come before.
  std::array<uint32_t, kCycle> task_of_, rank_of_;
  std::vector<uint64_t> per_cycle_;  // prompts of each task
};

// The task, by its place among the tasks, of a held-out id of any source; 0 for
// those of a source of one task.
size_t TaskOfHeldOut(uint64_t id);

// The field of a reference that names its task.
inline constexpr char kTaskField[] = "r1_task";

// `reference`, a JSON object, with kTaskField in front.
std::string WithTask(const std::string& reference, const std::string& task);

}  // namespace r1

#endif  // R1_ROLLOUT_MIXED_PROMPTS_H_

#include "rollout/mixed_prompts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

// Held-out ids of task t begin at kFirstHeldOutId + t * kIdsPerTask.
constexpr uint64_t kIdsPerTask = uint64_t{1} << 32;

}  // namespace

size_t TaskOfHeldOut(uint64_t id) {
  return static_cast<size_t>((id - kFirstHeldOutId) / kIdsPerTask);
}

std::string WithTask(const std::string& reference, const std::string& task) {
  absl::string_view rest = absl::StripLeadingAsciiWhitespace(reference);
  R1_CHECK(absl::ConsumePrefix(&rest, "{"), "a reference is a JSON object");
  rest = absl::StripLeadingAsciiWhitespace(rest);
  return absl::StrCat("{\"", kTaskField, "\":", nlohmann::json(task).dump(),
                      rest == "}" ? "" : ",", rest);
}

MixedPrompts::MixedPrompts(std::vector<TaskPrompts> tasks)
    : tasks_(std::move(tasks)), per_cycle_(tasks_.size()) {
  R1_CHECK(!tasks_.empty(), "a mixture has tasks");
  double sum = 0;
  for (const TaskPrompts& task : tasks_) sum += task.share;
  // The task that is furthest behind its share comes next; of equal ones the
  // first.
  for (uint64_t k = 0; k < kCycle; ++k) {
    size_t next = 0;
    double most = -1;
    for (size_t t = 0; t < tasks_.size(); ++t) {
      const double behind = static_cast<double>(k + 1) * tasks_[t].share / sum -
                            static_cast<double>(per_cycle_[t]);
      if (behind > most) {
        most = behind;
        next = t;
      }
    }
    task_of_[k] = static_cast<uint32_t>(next);
    rank_of_[k] = static_cast<uint32_t>(per_cycle_[next]++);
  }
}

absl::StatusOr<Prompt> MixedPrompts::Train(uint64_t index) const {
  const uint64_t k = index % kCycle;
  const uint32_t t = task_of_[k];
  const uint64_t rank = index / kCycle * per_cycle_[t] + rank_of_[k];
  R1_ASSIGN_OR_RETURN(Prompt prompt, tasks_[t].prompts->Train(rank));
  prompt.set_id(index);
  prompt.set_reference(WithTask(prompt.reference(), tasks_[t].name));
  return prompt;
}

absl::StatusOr<std::vector<Prompt>> MixedPrompts::HeldOut(int64_t count) const {
  std::vector<Prompt> all;
  for (size_t t = 0; t < tasks_.size(); ++t) {
    R1_ASSIGN_OR_RETURN(std::vector<Prompt> prompts,
                        tasks_[t].prompts->HeldOut(count));
    uint64_t id = kFirstHeldOutId + t * kIdsPerTask;
    for (Prompt& prompt : prompts) {
      prompt.set_id(id++);
      prompt.set_reference(WithTask(prompt.reference(), tasks_[t].name));
      all.push_back(std::move(prompt));
    }
  }
  return all;
}

std::string MixedPrompts::DataHash() const {
  std::string text;
  for (const TaskPrompts& task : tasks_) {
    absl::StrAppend(&text, task.name, " ", task.share, " ",
                    task.prompts->DataHash(), "\n");
  }
  return Sha256Hex(text);
}

}  // namespace r1

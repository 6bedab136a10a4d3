#include "pipeline/run/expected_time.h"

namespace r1 {
namespace {

using Unit = StageWork::Unit;

struct Done {
  double amount = 0;
  absl::Duration time;
};

// What was done of the unit, or of the one that stands in for it.
const Done* FindDone(const std::map<Unit, Done>& done, Unit unit) {
  if (const auto it = done.find(unit); it != done.end()) return &it->second;
  const bool is_answer = unit == Unit::kAnswer || unit == Unit::kAnswerLearned;
  if (!is_answer) return nullptr;
  const auto it =
      done.find(unit == Unit::kAnswer ? Unit::kAnswerLearned : Unit::kAnswer);
  return it == done.end() ? nullptr : &it->second;
}

}  // namespace

StageWork WorkOfStage(const StageConfig& stage,
                      const StageParameters& parameters) {
  const double size = parameters.at(stage.name());
  if (stage.has_rl()) {
    const RlSection& rl = stage.rl();
    return {Unit::kAnswerLearned,
            size * rl.steps() * rl.prompts() * rl.group_size()};
  }
  if (stage.has_sample()) {
    const SampleSection& sample = stage.sample();
    return {Unit::kAnswer, size * sample.prompts() * sample.per_prompt()};
  }
  if (stage.has_compare()) {
    double size_of_all = 0;
    for (const std::string& model : stage.compare().stage()) {
      size_of_all += parameters.at(model);
    }
    return {Unit::kAnswer, size_of_all * stage.task_size() *
                               stage.eval().problems() *
                               stage.eval().samples()};
  }
  if (stage.has_reward_model()) {
    const RewardModelSection& section = stage.reward_model();
    return {Unit::kPair, size * section.steps() * section.batch_size()};
  }
  const SupervisedSection& section = stage.supervised();
  if (section.epochs() > 0) return {Unit::kToken, kUnknownAmount};
  return {Unit::kToken, size * section.steps() * section.batch_tokens()};
}

std::vector<std::optional<absl::Duration>> ExpectedTimes(
    absl::Span<const TimedWork> stages) {
  std::map<Unit, Done> done;
  for (const TimedWork& stage : stages) {
    if (!stage.took || stage.work.amount <= 0) continue;
    Done& of_unit = done[stage.work.unit];
    of_unit.amount += stage.work.amount;
    of_unit.time += *stage.took;
  }
  std::vector<std::optional<absl::Duration>> times;
  for (const TimedWork& stage : stages) {
    std::optional<absl::Duration>& time = times.emplace_back(stage.took);
    const Done* const known = FindDone(done, stage.work.unit);
    if (time || known == nullptr || stage.work.amount < 0) continue;
    time = known->time * (stage.work.amount / known->amount);
  }
  return times;
}

}  // namespace r1

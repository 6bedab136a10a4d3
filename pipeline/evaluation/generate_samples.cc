#include "pipeline/evaluation/generate_samples.h"

#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learner/reward_item.h"

namespace r1 {
namespace {

// Samples that wait for workers at a time, more than any fleet has in hand, so
// that the coordinator's tables do not grow with the number of problems.
constexpr int64_t kMostOpen = 1 << 14;

RolloutWork WorkOn(const Prompt& prompt, const EvalOptions& options) {
  RolloutWork work;
  work.prompt = prompt;
  for (int i = 0; i < options.samples; ++i) work.sample_indices.push_back(i);
  work.sampling = options.sampling;
  work.seed = options.seed;
  return work;
}

}  // namespace

absl::StatusOr<std::vector<Trajectory>> GenerateSamples(
    const WeightsId& id, std::shared_ptr<const PolicyWeights> weights,
    const std::vector<Prompt>& prompts, const EvalOptions& options,
    RolloutSource* source, const EvalProgress& progress) {
  absl::flat_hash_map<uint64_t, int64_t> first_of;  // position, by prompt id
  for (const Prompt& prompt : prompts) {
    const int64_t first = static_cast<int64_t>(first_of.size());
    if (!first_of.emplace(prompt.id(), first * options.samples).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("evaluation: two problems have the id ", prompt.id(),
                       ", e.g. ", prompt.source()));
    }
  }
  const int64_t total = static_cast<int64_t>(prompts.size()) * options.samples;
  std::vector<Trajectory> trajectories(total);
  R1_RETURN_IF_ERROR(source->Publish(id, std::move(weights)));
  StallWatch stall(options.patience, "evaluation");
  int64_t done = 0, enqueued = 0;
  while (done < total) {
    if (enqueued - done <= kMostOpen / 2) {
      while (enqueued < total && enqueued - done < kMostOpen) {
        source->Enqueue(WorkOn(prompts[enqueued / options.samples], options));
        enqueued += options.samples;
      }
    }
    const absl::Time deadline = options.patience.now() + kEvalPoll;
    absl::StatusOr<Trajectory> next = source->Next(deadline);
    if (next.ok()) {
      const auto first = first_of.find(next->prompt_id());
      if (first == first_of.end() ||
          next->sample_index() >= static_cast<uint32_t>(options.samples)) {
        return absl::InternalError(
            absl::StrCat("evaluation: sample ",
                         SampleName(next->prompt_id(), next->sample_index()),
                         " arrived but nobody asked for it"));
      }
      const int64_t place = first->second + next->sample_index();
      trajectories[place] = *std::move(next);
      ++done;
      stall.NoteProgress();
    } else {
      R1_RETURN_IF_ERROR(
          stall.NoteTimeout(next.status(), deadline, source->Workers()));
    }
    if (progress && !progress(done, total)) {
      return absl::CancelledError("the evaluation was interrupted");
    }
  }
  source->Withdraw();
  return trajectories;
}

}  // namespace r1

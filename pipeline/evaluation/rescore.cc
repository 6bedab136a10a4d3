#include "pipeline/evaluation/rescore.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "learner/reward_item.h"
#include "pipeline/process/stop_signal.h"
#include "proto/answer_length.h"
#include "reward/core/score_pool.h"

namespace r1 {
namespace {

// The verdict of the component `name`, or of the whole for an empty name. A
// component without a score has the kind of the whole, where that tells why.
void TakeVerdict(const RewardResult& result, const std::string& name,
                 RewardKind* kind, double* value) {
  *kind = result.kind();
  *value = result.total();
  if (name.empty()) return;
  for (const RewardComponent& component : result.components()) {
    if (component.name() != name) continue;
    *kind = REWARD_SCORE;
    *value = component.value();
    return;
  }
  if (*kind == REWARD_SCORE) *kind = REWARD_ABSTAIN;
}

Rejudged Compare(const SampleView& sample, const RewardResult& now,
                 const RescoreOptions& options) {
  Rejudged rejudged;
  rejudged.sample = &sample;
  TakeVerdict(*sample.record.reward, options.against, &rejudged.kind_before,
              &rejudged.before);
  TakeVerdict(now, options.rule, &rejudged.kind_now, &rejudged.now);
  rejudged.detail_before = sample.record.reward->detail();
  rejudged.detail_now = now.detail();
  return rejudged;
}

}  // namespace

absl::StatusOr<RescoreSummary> Rescore(
    const RunReader& reader, const Scorer& scorer,
    const RescoreOptions& options,
    const std::function<void(const Rejudged&)>& flip) {
  ScorePool pool(options.threads, options.item_limit);
  RescoreSummary summary;
  R1_ASSIGN_OR_RETURN(const std::vector<int64_t> steps, reader.SampledSteps());
  for (const int64_t step : steps) {
    if (StopRequested()) return absl::CancelledError("interrupted");
    SampleFilter filter;
    filter.step = step;
    R1_ASSIGN_OR_RETURN(std::vector<SampleView> samples,
                        reader.Samples(filter));
    std::erase_if(samples, [](const SampleView& sample) {
      return !sample.record.reward.has_value();
    });
    std::vector<RewardItem> items;
    for (const SampleView& sample : samples) {
      const SampleRecord& record = sample.record;
      items.push_back(
          MakeRewardItem(record.prompt, record.trajectory, record.completion));
    }
    R1_ASSIGN_OR_RETURN(
        const std::vector<RewardResult> results,
        pool.ScoreAll(
            scorer.AtStep(step, MaxNewTokensAt(options.rollout, step)),
            std::move(items), absl::InfiniteFuture()));
    for (size_t i = 0; i < samples.size(); ++i) {
      ++summary.samples;
      const Rejudged rejudged = Compare(samples[i], results[i], options);
      const bool both_scores = rejudged.kind_before == REWARD_SCORE &&
                               rejudged.kind_now == REWARD_SCORE;
      if (rejudged.kind_before == rejudged.kind_now &&
          (!both_scores || rejudged.before == rejudged.now)) {
        continue;
      }
      ++summary.flips;
      summary.up += both_scores && rejudged.now > rejudged.before;
      summary.down += both_scores && rejudged.now < rejudged.before;
      flip(rejudged);
    }
  }
  if (summary.samples > 0) return summary;
  return absl::NotFoundError(
      "the run has no scored samples: there is nothing to score anew");
}

}  // namespace r1

// Gathers the samples of one step: those the journal already holds, and the
// rest from the rollout source and the reward source, each recorded before it
// counts.
#ifndef R1_LEARNER_COLLECTOR_H_
#define R1_LEARNER_COLLECTOR_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "learner/advantage.h"
#include "learner/journal.h"
#include "learner/progress.h"
#include "learner/reward_source.h"
#include "learner/stall_watch.h"
#include "model/model_config.h"
#include "model/tokenizer.h"
#include "proto/config.pb.h"
#include "rollout/prompt_source.h"
#include "rollout/rollout_source.h"

namespace r1 {

// The other rooms, as the learner sees them. None is owned.
struct LearnerPeers {
  const PromptSource* prompts = nullptr;
  RolloutSource* rollout = nullptr;
  RewardSource* reward = nullptr;
  Journal* journal = nullptr;
  const Tokenizer* tokenizer = nullptr;
};

struct CollectedSample {
  Trajectory trajectory;
  std::string completion;
  RewardResult reward;
};

struct SampleGroup {
  Prompt prompt;
  std::vector<CollectedSample> samples;  // [G], by sample index

  // The totals of samples with a score.
  RewardGroup rewards() const;
};

struct Collection {
  std::vector<SampleGroup> groups;  // in order of prompt id
  uint64_t next_index = 0;          // prompt after the last one drawn
  int64_t fresh_tokens = 0;         // generated now, not read from the journal
};

// Names of workers that shall not generate a sample while others could.
using AvoidedWorkers = std::map<SampleKey, std::vector<std::string>>;

// Threads: one learner thread.
class SampleCollector {
 public:
  SampleCollector(const StageConfig& config, const ModelConfig& model,
                  const LearnerPeers& peers, const Patience& patience,
                  ProgressReporter* progress)
      : config_(config),
        model_(model),
        peers_(peers),
        patience_(patience),
        progress_(*progress),
        stall_(patience, "") {}

  // Draws rl.prompts prompts from `next_index` on and waits for their samples
  // and rewards. With rl.dynamic_sampling, draws again for every group that is
  // not informative, at most so many rounds (DAPO, arXiv 2503.14476, 3.2).
  // What is returned is recorded in the journal, which makes it durable while
  // the caller trains on it; see Journal for when that must be awaited.
  // Errors: Cancelled if patience.should_stop said so, with what has come in
  // the journal; Unavailable after patience.before_giving_up without progress,
  // naming who is awaited; FailedPrecondition if more than
  // reward.max_error_share of the results are errors or timeouts, if all
  // results of eight prompts or more are abstentions, or if the journal holds
  // samples of another configuration; any final error of a peer.
  absl::StatusOr<Collection> Collect(int64_t step, uint64_t version,
                                     uint64_t next_index,
                                     const AvoidedWorkers& avoided = {});

 private:
  absl::Status LoadJournal();
  absl::Status DrawPrompts(int count, const AvoidedWorkers& avoided);
  absl::Status TakeRecorded(SampleRecord record);
  absl::Status CheckTrajectory(const Trajectory& trajectory) const;
  RewardItem ItemOf(SampleKey key);
  void SubmitForReward(SampleKey key);
  void SubmitGroupIfWhole(uint64_t prompt_id);
  absl::Status WaitForAll();
  absl::Status TakeTrajectory(Trajectory trajectory);
  absl::Status TakeRewards(absl::Time deadline);
  absl::Status TakeReward(RewardResult reward);
  absl::Status NoteStall(const absl::Status& timeout, absl::Time deadline);
  void ReportProgress(StepPhase phase);
  absl::Status RecordFailures();
  absl::Status CheckErrorShare() const;
  absl::Status CheckNotAllAbstain() const;
  int CountInformative() const;
  SampleGroup& GroupOf(uint64_t prompt_id) {
    return collection_.groups[prompt_id - first_index_];
  }
  CollectedSample& SampleOf(SampleKey key) {
    return GroupOf(key.first).samples[key.second];
  }

  const StageConfig& config_;
  const ModelConfig& model_;
  LearnerPeers peers_;
  Patience patience_;
  ProgressReporter& progress_;

  // Of the step being collected.
  int64_t step_ = 0;
  uint64_t version_ = 0;
  uint64_t first_index_ = 0;
  Collection collection_;
  std::map<SampleKey, SampleRecord> recorded_;
  std::set<SampleKey> awaited_samples_, awaited_rewards_;
  // Results that were asked for and have yet to come; with rules that compare
  // samples, those of recorded samples, which are scored again with the others
  // of their prompt and not recorded twice.
  int64_t rewards_due_ = 0;
  std::set<SampleKey> scored_again_;
  // Errors and timeouts; recorded once the round is known to tolerate them, so
  // that a run stopped by a broken reward scores them anew.
  std::set<SampleKey> unrecorded_failures_;
  int64_t samples_total_ = 0, tokens_done_ = 0;
  StallWatch stall_;
};

}  // namespace r1

#endif  // R1_LEARNER_COLLECTOR_H_

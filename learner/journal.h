// Where the learner records samples and metrics before they count. The run
// store (pipeline/store/run_store.h) implements it; tests use a map.
#ifndef R1_LEARNER_JOURNAL_H_
#define R1_LEARNER_JOURNAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/reward.pb.h"
#include "proto/rollout.pb.h"

namespace r1 {

// Named values of one step, in display order; names are explained in
// learner/README.md.
using Metrics = std::vector<std::pair<std::string, double>>;

using SampleKey = std::pair<uint64_t, uint32_t>;  // prompt id, sample index

struct SampleRecord {
  Prompt prompt;
  Trajectory trajectory;
  std::string completion;              // text, for people and rewards
  std::optional<RewardResult> reward;  // absent: not scored yet
};

// What survives the end of a process, however it comes, is a prefix of what was
// recorded, in the order of recording. So nothing that is recorded needs to be
// awaited before the learner computes with it, in memory alone: if the end
// comes first, the next process finds the prefix, makes the rest anew (samples
// are a function of the weights and their keys; a score that failed may succeed
// now) and computes with that. Nothing is left that knows of the lost rest, as
// long as Flush is called before a step leaves the process: before a checkpoint
// is saved, its metrics are shown or its weights are published. A write that
// fails is an error of that Flush at the latest.
//
// Threads: one learner thread.
class Journal {
 public:
  virtual ~Journal() = default;

  // Samples recorded for `step`, by (prompt id, sample index).
  virtual absl::StatusOr<std::vector<SampleRecord>> LoadSamples(
      int64_t step) = 0;
  // May return before the data is durable; Flush waits for it. Recording a
  // sample again is an AlreadyExists error.
  virtual absl::Status RecordTrajectory(int64_t step, const Prompt& prompt,
                                        const Trajectory& trajectory,
                                        const std::string& completion) = 0;
  virtual absl::Status RecordReward(int64_t step, uint64_t prompt_id,
                                    uint32_t sample_index,
                                    const RewardResult& reward) = 0;
  virtual absl::Status RecordAdvantage(int64_t step, uint64_t prompt_id,
                                       uint32_t sample_index,
                                       double advantage) = 0;
  // Forgets a sample with its reward and advantage, or its reward alone; each
  // may then be recorded again. Nothing happens if there is none.
  virtual absl::Status DropSample(int64_t step, uint64_t prompt_id,
                                  uint32_t sample_index) = 0;
  virtual absl::Status DropReward(int64_t step, uint64_t prompt_id,
                                  uint32_t sample_index) = 0;
  // Everything recorded so far survives kill -9 and power loss.
  virtual absl::Status Flush() = 0;
  // Replaces the metrics of a step, but for time/… and
  // tokens_per_second/…: the first stay, as a step that is computed again takes
  // its samples from the journal.
  virtual absl::Status RecordMetrics(int64_t step, const Metrics& metrics) = 0;
  // Something a person should know about: a skipped step, a retry. Recorded
  // once for equal arguments, unless `step` is -1: none.
  virtual absl::Status RecordEvent(int64_t step, const std::string& kind,
                                   const std::string& message) = 0;
};

}  // namespace r1

#endif  // R1_LEARNER_JOURNAL_H_

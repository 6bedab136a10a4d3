// RUN/run.db: what a run did, durable before it counts. Writing is cheap: a
// thread of its own commits what has come together since its last commit, so
// that one fsync serves many samples. Readers (run_reader.h, or any SQLite
// tool) may look on while a run writes.
#ifndef R1_PIPELINE_STORE_RUN_STORE_H_
#define R1_PIPELINE_STORE_RUN_STORE_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/journal.h"
#include "pipeline/store/sqlite.h"

namespace r1 {

// One held-out sample of an evaluation.
struct EvalSample {
  uint64_t prompt_id = 0;
  uint32_t sample_index = 0;
  std::string question;
  std::string reference;
  std::string completion;
  FinishReason finish_reason = FINISH_UNSPECIFIED;
  int64_t num_tokens = 0;
  std::optional<bool> is_correct;  // absent: it could not be judged
  bool has_format = false;
};

// After a failed write (full disk, damaged file) every later call returns that
// error: nothing is counted that was not stored.
// Threads: LoadSamples and the Record functions from any thread.
class RunStore : public Journal {
 public:
  // Opens or creates the file and checks it.
  // Errors: DataLoss for a damaged file, FailedPrecondition for one written by
  // another version of the program, ResourceExhausted for a full disk.
  static absl::StatusOr<std::unique_ptr<RunStore>> Open(
      const std::string& path);
  // Writes what is left; call Flush first to learn whether that works.
  ~RunStore() override;

  // What is recorded from now on, and read by LoadSamples, is of this stage.
  absl::Status EnterStage(const std::string& stage);
  // Forgets all that is recorded of a stage, the time it took as well.
  absl::Status DropStage(const std::string& stage);

  absl::StatusOr<std::vector<SampleRecord>> LoadSamples(int64_t step) override;
  absl::Status RecordTrajectory(int64_t step, const Prompt& prompt,
                                const Trajectory& trajectory,
                                const std::string& completion) override;
  // AlreadyExists if the sample has a reward.
  absl::Status RecordReward(int64_t step, uint64_t prompt_id,
                            uint32_t sample_index,
                            const RewardResult& reward) override;
  absl::Status RecordAdvantage(int64_t step, uint64_t prompt_id,
                               uint32_t sample_index,
                               double advantage) override;
  absl::Status DropSample(int64_t step, uint64_t prompt_id,
                          uint32_t sample_index) override;
  absl::Status DropReward(int64_t step, uint64_t prompt_id,
                          uint32_t sample_index) override;
  absl::Status Flush() override;
  absl::Status RecordMetrics(int64_t step, const Metrics& metrics) override;
  absl::Status RecordEvent(int64_t step, const std::string& kind,
                           const std::string& message) override;

  // Replaces the evaluation of `step`: its metrics and samples.
  absl::Status RecordEval(int64_t step, const Metrics& metrics,
                          const std::vector<EvalSample>& samples);

 private:
  struct Writer;  // the writing connection and its statements
  using Write = std::function<absl::Status(Writer*)>;
  using SampleKey = std::pair<uint64_t, uint32_t>;  // prompt id, sample index

  // What is recorded of one step, to refuse duplicates at once.
  struct StepKeys {
    int64_t step = -1;
    absl::flat_hash_set<SampleKey> trajectories;
    absl::flat_hash_set<SampleKey> rewards;
    absl::flat_hash_set<uint64_t> prompts;
  };

  RunStore(std::unique_ptr<Writer> writer, std::unique_ptr<Database> reader);

  void WriteLoop();
  absl::Status Enqueue(int64_t size_bytes, Write write);
  absl::Status FlushQueue();
  absl::Status SelectStep(int64_t step);  // keys_mutex_ held
  std::string stage();

  std::unique_ptr<Writer> writer_;  // used by thread_ alone

  // Locked before mutex_ where both are. std::mutex: Debian's Abseil carries
  // no ThreadSanitizer annotations.
  std::mutex keys_mutex_;
  std::unique_ptr<Database> reader_;  // guarded by keys_mutex_
  std::string stage_;                 // guarded by keys_mutex_
  StepKeys keys_;                     // guarded by keys_mutex_

  // All below are guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable work_arrived_;  // for the writing thread
  std::condition_variable work_done_;     // for those who wait on it
  std::vector<Write> queue_;
  int64_t queued_bytes_ = 0;
  int64_t num_enqueued_ = 0;
  int64_t num_durable_ = 0;
  int num_flushing_ = 0;
  bool is_closing_ = false;
  absl::Status status_;
  std::thread thread_;
};

}  // namespace r1

#endif  // R1_PIPELINE_STORE_RUN_STORE_H_

// A reward model in memory, with a thread of its own that scores what callers
// ask for by their deadlines.
#ifndef R1_JUDGE_LOADED_JUDGE_H_
#define R1_JUDGE_LOADED_JUDGE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "judge/reward_model.h"
#include "kernels/ops.h"

namespace r1 {

// Threads: all functions may be called from any thread.
class LoadedJudge {
 public:
  // With `threads` threads for the matrix kernels.
  // Errors: those of LoadRewardModel.
  static absl::StatusOr<std::unique_ptr<LoadedJudge>> Load(
      const std::string& path, int threads);
  // Waits for the microbatch that is being scored.
  ~LoadedJudge();

  // The scores of scorable sequences, in their order; only of the first ones
  // where the deadline comes before all are scored. Calls are served in the
  // order of their arrival.
  std::vector<float> Score(std::vector<std::vector<int32_t>> sequences,
                           absl::Time deadline);

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const ModelConfig& config() const { return weights_->config(); }
  // HashParams of the weights.
  const std::string& hash() const { return hash_; }

 private:
  struct Call {
    std::vector<std::vector<int32_t>> sequences;
    std::vector<float> scores;  // of the first ones
    bool is_given_up = false;

    bool is_over() const {
      return is_given_up || scores.size() == sequences.size();
    }
  };

  LoadedJudge(ModelFolder folder, int threads);
  void Run();
  // Waits for the next call to score; null when stopping.
  std::shared_ptr<Call> NextCall();
  std::vector<float> ScoreSome(const Call& call, size_t begin);

  const std::shared_ptr<const Tokenizer> tokenizer_;
  const std::string hash_;
  // Of the thread alone.
  const std::unique_ptr<Ops> ops_;
  const std::shared_ptr<const PolicyWeights> weights_;
  SequenceScorer scorer_;

  absl::Mutex mutex_;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Their scores and whether they are given up are guarded, too.
  std::deque<std::shared_ptr<Call>> calls_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: uses all of the above
};

// Loaded judges by folder; each is kept as long as somebody has it.
// Threads: all functions may be called from any thread.
class LoadedJudges {
 public:
  // `threads`: of each judge.
  explicit LoadedJudges(int threads) : threads_(threads) {}

  // Errors: those of LoadRewardModel.
  absl::StatusOr<std::shared_ptr<LoadedJudge>> At(const std::string& path);

 private:
  const int threads_;
  absl::Mutex mutex_;
  std::map<std::string, std::weak_ptr<LoadedJudge>> by_path_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace r1

#endif  // R1_JUDGE_LOADED_JUDGE_H_

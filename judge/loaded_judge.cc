#include "judge/loaded_judge.h"

#include <utility>

#include "absl/time/clock.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

// Tokens between two looks at what is asked for. Fewer would not fill the
// matrix kernels.
constexpr int64_t kTokensAtATime = 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<LoadedJudge>> LoadedJudge::Load(
    const std::string& path, int threads) {
  R1_ASSIGN_OR_RETURN(ModelFolder folder, LoadRewardModel(path));
  return std::unique_ptr<LoadedJudge>(
      new LoadedJudge(std::move(folder), threads));
}

LoadedJudge::LoadedJudge(ModelFolder folder, int threads)
    : tokenizer_(std::move(folder.tokenizer)),
      hash_(HashParams(folder.params)),
      ops_(MakeCpuOps(threads)),
      weights_(MakePolicyWeights(folder.config, folder.params, ops_.get())),
      scorer_(folder.config, ops_.get()) {
  thread_ = std::thread([this] { Run(); });
}

LoadedJudge::~LoadedJudge() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }
  thread_.join();
}

std::vector<float> LoadedJudge::Score(
    std::vector<std::vector<int32_t>> sequences, absl::Time deadline) {
  if (sequences.empty() || absl::Now() >= deadline) return {};
  const auto call = std::make_shared<Call>();
  call->sequences = std::move(sequences);
  absl::MutexLock lock(&mutex_);
  calls_.push_back(call);
  mutex_.AwaitWithDeadline(absl::Condition(call.get(), &Call::is_over),
                           deadline);
  call->is_given_up = true;
  return call->scores;
}

std::shared_ptr<LoadedJudge::Call> LoadedJudge::NextCall() {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || !calls_.empty();
  };
  absl::MutexLock lock(&mutex_);
  for (;;) {
    mutex_.Await(absl::Condition(&has_news));
    if (is_stopping_) return nullptr;
    if (!calls_.front()->is_over()) return calls_.front();
    calls_.pop_front();
  }
}

// The next sequences of about kTokensAtATime, one at least.
std::vector<float> LoadedJudge::ScoreSome(const Call& call, size_t begin) {
  int64_t tokens = 0;
  size_t end = begin;
  while (end < call.sequences.size() && tokens < kTokensAtATime) {
    tokens += call.sequences[end++].size();
  }
  return scorer_.Score(
      *weights_,
      absl::MakeConstSpan(call.sequences).subspan(begin, end - begin));
}

void LoadedJudge::Run() {
  while (const std::shared_ptr<Call> call = NextCall()) {
    // Nobody else changes the scores.
    const std::vector<float> some = ScoreSome(*call, call->scores.size());
    absl::MutexLock lock(&mutex_);
    call->scores.insert(call->scores.end(), some.begin(), some.end());
  }
}

absl::StatusOr<std::shared_ptr<LoadedJudge>> LoadedJudges::At(
    const std::string& path) {
  absl::MutexLock lock(&mutex_);
  std::weak_ptr<LoadedJudge>& known = by_path_[path];
  if (std::shared_ptr<LoadedJudge> judge = known.lock()) return judge;
  R1_ASSIGN_OR_RETURN(std::shared_ptr<LoadedJudge> judge,
                      LoadedJudge::Load(path, threads_));
  known = judge;
  return judge;
}

}  // namespace r1

#include "reward/score_pool.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"

namespace r1 {

struct ScorePool::Batch {
  Batch(Scorer scorer, std::vector<RewardItem> items, absl::Time deadline)
      : scorer(std::move(scorer)),
        items(std::move(items)),
        deadline(deadline),
        results(this->items.size()),
        num_unfinished(this->items.size()) {}

  const Scorer scorer;
  const std::vector<RewardItem> items;
  const absl::Time deadline;
  // Guarded by the pool's mutex.
  size_t next = 0;  // first item not started
  std::vector<std::optional<RewardResult>> results;
  size_t num_unfinished;
};

ScorePool::ScorePool(int threads, absl::Duration item_limit)
    : item_limit_(item_limit) {
  R1_CHECK(threads > 0, "a pool needs a thread");
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { WorkerLoop(); });
  }
}

ScorePool::~ScorePool() {
  Stop();
  for (std::thread& thread : threads_) thread.join();
}

void ScorePool::Stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  is_stopping_ = true;
  work_arrived_.notify_all();
  batch_done_.notify_all();
}

std::shared_ptr<ScorePool::Batch> ScorePool::TakeItem(size_t* index) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    work_arrived_.wait(lock, [&] { return is_stopping_ || !queue_.empty(); });
    if (is_stopping_) return nullptr;
    std::shared_ptr<Batch> batch = queue_.front();
    if (batch->next == batch->items.size()) {
      queue_.pop_front();
      continue;
    }
    *index = batch->next++;
    return batch;
  }
}

void ScorePool::WorkerLoop() {
  size_t index = 0;
  while (std::shared_ptr<Batch> batch = TakeItem(&index)) {
    const absl::Time deadline =
        std::min(batch->deadline, absl::Now() + item_limit_);
    RewardResult result = batch->scorer.Score(batch->items[index], deadline);
    std::lock_guard<std::mutex> lock(mutex_);
    batch->results[index] = std::move(result);
    if (--batch->num_unfinished == 0) batch_done_.notify_all();
  }
}

absl::StatusOr<std::vector<RewardResult>> ScorePool::ScoreAll(
    Scorer scorer, std::vector<RewardItem> items, absl::Time deadline) {
  if (items.empty()) return std::vector<RewardResult>();
  const auto batch =
      std::make_shared<Batch>(std::move(scorer), std::move(items), deadline);
  std::unique_lock<std::mutex> lock(mutex_);
  queue_.push_back(batch);
  work_arrived_.notify_all();
  batch_done_.wait_until(lock, absl::ToChronoTime(deadline), [&] {
    return is_stopping_ || batch->num_unfinished == 0;
  });
  batch->next = batch->items.size();  // start no more of them
  std::erase(queue_, batch);
  if (batch->num_unfinished > 0 && is_stopping_) {
    return absl::UnavailableError("the reward service is stopping");
  }
  std::vector<RewardResult> results;
  for (size_t i = 0; i < batch->items.size(); ++i) {
    if (batch->results[i].has_value()) {
      results.push_back(*std::move(batch->results[i]));
    } else {
      results.push_back(TimeoutResult(
          batch->items[i].id(), "not scored before the batch's deadline"));
    }
  }
  return results;
}

}  // namespace r1

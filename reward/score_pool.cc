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
  std::vector<std::optional<std::vector<RuleResult>>> results;
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
  absl::MutexLock lock(&mutex_);
  is_stopping_ = true;
}

std::shared_ptr<ScorePool::Batch> ScorePool::TakeItem(size_t* index) {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || !queue_.empty();
  };
  absl::MutexLock lock(&mutex_);
  for (;;) {
    mutex_.Await(absl::Condition(&has_news));
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
    std::vector<RuleResult> result =
        batch->scorer.ScoreAlone(batch->items[index], deadline);
    absl::MutexLock lock(&mutex_);
    batch->results[index] = std::move(result);
    --batch->num_unfinished;
  }
}

absl::StatusOr<std::vector<RewardResult>> ScorePool::ScoreAll(
    Scorer scorer, std::vector<RewardItem> items, absl::Time deadline) {
  if (items.empty()) return std::vector<RewardResult>();
  const auto batch =
      std::make_shared<Batch>(std::move(scorer), std::move(items), deadline);
  std::vector<RewardResult> results(batch->items.size());
  // Of the items that were scored in time.
  std::vector<size_t> places;
  std::vector<const RewardItem*> scored;
  std::vector<std::vector<RuleResult>> by_rule;
  std::vector<std::vector<std::optional<RuleResult>>> elsewhere;
  {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(batch);
  }
  if (batch->scorer.has_batch_rule()) {
    // Meanwhile the threads do the rest.
    std::vector<const RewardItem*> all;
    for (const RewardItem& item : batch->items) all.push_back(&item);
    elsewhere = batch->scorer.ScoreBatches(all, item_limit_, deadline);
  }
  {
    const auto is_decided = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return is_stopping_ || batch->num_unfinished == 0;
    };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithDeadline(absl::Condition(&is_decided), deadline);
    batch->next = batch->items.size();  // start no more of them
    std::erase(queue_, batch);
    if (batch->num_unfinished > 0 && is_stopping_) {
      return absl::UnavailableError("the reward service is stopping");
    }
    for (size_t i = 0; i < batch->items.size(); ++i) {
      if (!batch->results[i].has_value()) {
        results[i] = TimeoutResult(batch->items[i].id(),
                                   "not scored before the batch's deadline");
        continue;
      }
      places.push_back(i);
      scored.push_back(&batch->items[i]);
      by_rule.push_back(*std::move(batch->results[i]));
      if (elsewhere.empty()) continue;
      for (size_t r = 0; r < elsewhere[i].size(); ++r) {
        if (elsewhere[i][r].has_value()) by_rule.back()[r] = *elsewhere[i][r];
      }
    }
  }
  // What is left is cheap: no limit of its own.
  batch->scorer.ScoreRest(scored, absl::InfiniteFuture(),
                          absl::MakeSpan(by_rule));
  for (size_t s = 0; s < places.size(); ++s) {
    results[places[s]] = batch->scorer.ComposeResult(*scored[s], by_rule[s]);
  }
  return results;
}

}  // namespace r1

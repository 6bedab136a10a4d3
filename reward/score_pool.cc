#include "reward/score_pool.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace r1 {

struct ScorePool::Batch {
  Batch(Scorer scorer, std::vector<RewardItem> items, absl::Time deadline,
        absl::Duration item_limit)
      : scorer(std::move(scorer)),
        items(std::move(items)),
        deadline(deadline),
        item_limit(item_limit),
        results(this->items.size()),
        num_unfinished(this->items.size()) {}

  const Scorer scorer;
  const std::vector<RewardItem> items;
  const absl::Time deadline;
  const absl::Duration item_limit;
  // Guarded by the pool's mutex.
  size_t next = 0;  // first item not started
  std::vector<std::vector<RuleResult>> results;
  std::vector<size_t> finished;  // items whose results nobody has taken
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
        std::min(batch->deadline, absl::Now() + batch->item_limit);
    std::vector<RuleResult> result =
        batch->scorer.ScoreAlone(batch->items[index], deadline);
    absl::MutexLock lock(&mutex_);
    batch->results[index] = std::move(result);
    batch->finished.push_back(index);
    --batch->num_unfinished;
  }
}

void ScorePool::Start(const std::shared_ptr<Batch>& batch) {
  absl::MutexLock lock(&mutex_);
  queue_.push_back(batch);
}

void ScorePool::Drop(Batch* batch) {
  batch->next = batch->items.size();
  std::erase_if(queue_, [&](const auto& b) { return b.get() == batch; });
}

absl::Status ScorePool::Await(Batch* batch, bool early,
                              std::vector<size_t>* places,
                              std::vector<std::vector<RuleResult>>* by_rule,
                              bool* is_over) {
  const auto has_news = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || batch->num_unfinished == 0 ||
           (early && !batch->finished.empty());
  };
  absl::MutexLock lock(&mutex_);
  const bool is_in_time =
      mutex_.AwaitWithDeadline(absl::Condition(&has_news), batch->deadline);
  *is_over = !is_in_time || is_stopping_ || batch->num_unfinished == 0;
  if (*is_over) Drop(batch);
  if (is_stopping_ && batch->num_unfinished > 0) {
    return absl::UnavailableError("the reward service is stopping");
  }
  *places = std::move(batch->finished);
  batch->finished.clear();
  std::sort(places->begin(), places->end());
  by_rule->clear();
  for (const size_t i : *places) {
    by_rule->push_back(std::move(batch->results[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RewardResult>> ScorePool::ScoreAll(
    Scorer scorer, std::vector<RewardItem> items, absl::Time deadline,
    absl::Duration item_limit) {
  std::vector<RewardResult> results(items.size());
  const auto deliver = [&](size_t i, RewardResult result) {
    results[i] = std::move(result);
    return true;
  };
  R1_RETURN_IF_ERROR(Score(std::move(scorer), std::move(items), deadline,
                           item_limit, /*early=*/false, deliver));
  return results;
}

absl::Status ScorePool::ScoreEach(Scorer scorer, std::vector<RewardItem> items,
                                  absl::Time deadline,
                                  absl::Duration item_limit,
                                  const Deliver& deliver) {
  const bool early = !scorer.compares_samples() && !scorer.has_batch_rule();
  return Score(std::move(scorer), std::move(items), deadline, item_limit, early,
               deliver);
}

absl::Status ScorePool::Score(Scorer scorer, std::vector<RewardItem> items,
                              absl::Time deadline, absl::Duration item_limit,
                              bool early, const Deliver& deliver) {
  if (items.empty()) return absl::OkStatus();
  item_limit = std::min(item_limit, item_limit_);
  const auto batch = std::make_shared<Batch>(
      std::move(scorer), std::move(items), deadline, item_limit);
  const std::vector<RewardItem>& all = batch->items;
  Start(batch);
  std::vector<std::vector<std::optional<RuleResult>>> elsewhere;
  if (batch->scorer.has_batch_rule()) {
    // Meanwhile the threads do the rest.
    std::vector<const RewardItem*> pointers;
    for (const RewardItem& item : all) pointers.push_back(&item);
    elsewhere = batch->scorer.ScoreBatches(pointers, item_limit, deadline);
  }
  std::vector<bool> is_scored(all.size());
  for (bool is_over = false; !is_over;) {
    std::vector<size_t> places;
    std::vector<std::vector<RuleResult>> by_rule;
    R1_RETURN_IF_ERROR(Await(batch.get(), early, &places, &by_rule, &is_over));
    std::vector<const RewardItem*> scored;
    for (size_t s = 0; s < places.size(); ++s) {
      const size_t i = places[s];
      is_scored[i] = true;
      scored.push_back(&all[i]);
      if (elsewhere.empty()) continue;
      for (size_t r = 0; r < elsewhere[i].size(); ++r) {
        if (elsewhere[i][r].has_value()) by_rule[s][r] = *elsewhere[i][r];
      }
    }
    // What is left is cheap: no limit of its own.
    batch->scorer.ScoreRest(scored, absl::InfiniteFuture(),
                            absl::MakeSpan(by_rule));
    for (size_t s = 0; s < places.size(); ++s) {
      if (deliver(places[s],
                  batch->scorer.ComposeResult(*scored[s], by_rule[s]))) {
        continue;
      }
      absl::MutexLock lock(&mutex_);
      Drop(batch.get());
      return absl::CancelledError("the results are not wanted any more");
    }
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (is_scored[i]) continue;
    if (!deliver(i, TimeoutResult(all[i].id(),
                                  "not scored before the batch's deadline"))) {
      return absl::CancelledError("the results are not wanted any more");
    }
  }
  return absl::OkStatus();
}

}  // namespace r1

#include "reward/core/score_pool.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "reward/core/result.h"

namespace r1 {
namespace {

// How often items that take too long are looked for, and how long a rule that
// keeps to its deadline may still need to say so.
constexpr absl::Duration kTick = absl::Milliseconds(100);
constexpr absl::Duration kGrace = absl::Milliseconds(100);

}  // namespace

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
  size_t next = 0;                   // first item not started
  std::vector<RuleResults> results;  // of items that are scored; else empty
  // Of the items that are being scored: when their time is over.
  std::map<size_t, absl::Time> running;
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
    batch->running[*index] =
        std::min(batch->deadline, absl::Now() + batch->item_limit);
    return batch;
  }
}

void ScorePool::WorkerLoop() {
  size_t index = 0;
  while (std::shared_ptr<Batch> batch = TakeItem(&index)) {
    const absl::Time deadline =
        std::min(batch->deadline, absl::Now() + batch->item_limit);
    const RewardItem* const items[] = {&batch->items[index]};
    RuleResults results = batch->scorer.NoResults();
    batch->scorer.Ask(Scorer::Stage::kAlone, items, batch->item_limit, deadline,
                      absl::MakeSpan(&results, 1));
    absl::MutexLock lock(&mutex_);
    if (batch->running.erase(index) == 0) continue;  // given up
    batch->results[index] = std::move(results);
    --batch->num_unfinished;
  }
}

void ScorePool::Start(const std::shared_ptr<Batch>& batch) {
  absl::MutexLock lock(&mutex_);
  queue_.push_back(batch);
}

void ScorePool::GiveUpOverdue(Batch* batch, absl::Time time) {
  batch->num_unfinished -= std::erase_if(
      batch->running, [&](const auto& item) { return item.second < time; });
}

absl::Status ScorePool::Await(Batch* batch) {
  const auto is_over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || batch->num_unfinished == 0;
  };
  absl::MutexLock lock(&mutex_);
  for (absl::Time now = absl::Now(); now < batch->deadline; now = absl::Now()) {
    const absl::Time next = std::min(batch->deadline, now + kTick);
    if (mutex_.AwaitWithDeadline(absl::Condition(&is_over), next)) break;
    GiveUpOverdue(batch, absl::Now() - kGrace);
  }
  std::erase_if(queue_, [&](const auto& b) { return b.get() == batch; });
  batch->next = batch->items.size();
  batch->running.clear();
  if (is_stopping_ && batch->num_unfinished > 0) {
    return absl::UnavailableError("the reward service is stopping");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RewardResult>> ScorePool::ScoreAll(
    Scorer scorer, std::vector<RewardItem> items, absl::Time deadline,
    absl::Duration item_limit) {
  if (items.empty()) return std::vector<RewardResult>();
  item_limit = std::min(item_limit, item_limit_);
  const auto batch = std::make_shared<Batch>(
      std::move(scorer), std::move(items), deadline, item_limit);
  Start(batch);
  std::vector<const RewardItem*> all;
  for (const RewardItem& item : batch->items) all.push_back(&item);
  std::vector<RuleResults> elsewhere(all.size(), batch->scorer.NoResults());
  // Meanwhile the threads do the rest.
  batch->scorer.Ask(Scorer::Stage::kElsewhere, all, item_limit, deadline,
                    absl::MakeSpan(elsewhere));
  R1_RETURN_IF_ERROR(Await(batch.get()));
  // From here on no thread touches the results.
  std::vector<size_t> places;
  std::vector<const RewardItem*> scored;
  std::vector<RuleResults> by_rule;
  for (size_t i = 0; i < all.size(); ++i) {
    if (batch->results[i].empty()) continue;
    places.push_back(i);
    scored.push_back(all[i]);
    by_rule.push_back(std::move(batch->results[i]));
    for (size_t r = 0; r < elsewhere[i].size(); ++r) {
      if (elsewhere[i][r].has_value()) by_rule.back()[r] = elsewhere[i][r];
    }
  }
  batch->scorer.Ask(Scorer::Stage::kRest, scored, item_limit, deadline,
                    absl::MakeSpan(by_rule));
  std::vector<RewardResult> results;
  for (const RewardItem* item : all) {
    results.push_back(TimeoutResult(item->id(), "not scored in time"));
  }
  for (size_t s = 0; s < places.size(); ++s) {
    results[places[s]] = batch->scorer.ComposeResult(*scored[s], by_rule[s]);
  }
  return results;
}

}  // namespace r1

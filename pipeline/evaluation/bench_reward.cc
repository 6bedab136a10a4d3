#include "pipeline/evaluation/bench_reward.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "proto/reward_result.h"
#include "reward/conformance/conformance_texts.h"
#include "reward/core/score_pool.h"
#include "reward/core/scorer.h"

namespace r1 {
namespace {

// `count` of the items from `*next` on, around.
std::vector<RewardItem> Take(const std::vector<RewardItem>& items, int count,
                             size_t* next) {
  std::vector<RewardItem> batch;
  for (int i = 0; i < count; ++i) {
    batch.push_back(items[(*next)++ % items.size()]);
    batch.back().set_id(absl::StrCat(i));
    // Another text each time: what is measured is the reward, no cache.
    absl::StrAppend(batch.back().mutable_completion(), "\n<!-- ", *next,
                    " -->");
  }
  return batch;
}

absl::Status ScoreBatch(const Scorer& scorer, ScorePool* pool,
                        std::vector<RewardItem> batch) {
  R1_ASSIGN_OR_RETURN(
      const auto results,
      pool->ScoreAll(scorer, std::move(batch), absl::InfiniteFuture()));
  for (const RewardResult& result : results) {
    if (!IsFailure(result)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("a sample failed: ", result.detail()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RewardRates> BenchReward(const RewardRegistry& registry,
                                        const RewardRuleSpec& spec,
                                        const BenchRewardOptions& options) {
  std::vector<RewardItem> items = options.items;
  for (const std::string& text : OrdinaryTexts()) {
    if (!options.items.empty()) break;
    items.emplace_back().set_completion(text);
    items.back().set_reference(R"({"answer":"72"})");
  }
  RewardRates rates;
  size_t next = 0;
  const absl::Time start = absl::Now();
  R1_ASSIGN_OR_RETURN(const Scorer scorer,
                      Scorer::Create(registry, {{spec}}, RuleContext()));
  ScorePool pool(options.threads, options.item_limit);
  R1_RETURN_IF_ERROR(ScoreBatch(scorer, &pool, Take(items, 1, &next)));
  rates.start_ms = absl::ToDoubleMilliseconds(absl::Now() - start);
  for (const int size : {1, 16, 256}) {
    std::vector<double> millis;
    const absl::Time begin = absl::Now();
    absl::Time now = begin;
    while (now - begin < options.duration) {
      std::vector<RewardItem> batch = Take(items, size, &next);
      const absl::Time sent = absl::Now();
      R1_RETURN_IF_ERROR(ScoreBatch(scorer, &pool, std::move(batch)));
      now = absl::Now();
      millis.push_back(absl::ToDoubleMilliseconds(now - sent));
    }
    double sum = 0;
    for (const double ms : millis) sum += ms;
    rates.batches.push_back({size, size * millis.size() / sum * 1000});
    if (size != 1) continue;
    std::sort(millis.begin(), millis.end());
    rates.median_ms = millis[millis.size() / 2];
    rates.p99_ms = millis[millis.size() * 99 / 100];
  }
  return rates;
}

}  // namespace r1

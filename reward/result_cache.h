// Results of rules that are dear to compute, kept by the content they judged.
#ifndef R1_REWARD_RESULT_CACHE_H_
#define R1_REWARD_RESULT_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/reward.pb.h"
#include "reward/rule.h"

namespace r1 {

// SHA-256, in hexadecimal, of all that the result of a rule with is_cacheable()
// depends on: the rule by name and options, the plugin's version,
// max_new_tokens, and the item but for its id and group.
std::string ResultKey(const RewardRuleSpec& rule, absl::string_view version,
                      int max_new_tokens, const RewardItem& item);

// The least recently used results go once max_bytes are used.
// Threads: all functions may be called from any thread.
class ResultCache {
 public:
  static constexpr size_t kDefaultBytes = 64 << 20;

  explicit ResultCache(size_t max_bytes = kDefaultBytes)
      : max_bytes_(max_bytes) {}

  // The result kept for the key; counts as a hit or a miss.
  std::optional<RuleResult> Find(const std::string& key);

  // Keeps a SCORE; what could not be judged may be another time.
  void Keep(const std::string& key, const RuleResult& result);

  struct Stats {
    int64_t hits = 0;
    int64_t misses = 0;
    int64_t entries = 0;
    int64_t bytes = 0;
  };
  Stats stats() const;

 private:
  struct Entry {
    std::string key;
    RuleResult result;
    size_t size_bytes = 0;
  };

  const size_t max_bytes_;
  mutable absl::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // last used first
  absl::flat_hash_map<std::string, std::list<Entry>::iterator> by_key_
      ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t hits_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t misses_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace r1

#endif  // R1_REWARD_RESULT_CACHE_H_

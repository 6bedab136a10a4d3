#include "reward/result_cache.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"

namespace r1 {
namespace {

// Beside the texts: list and map nodes with the key twice, about.
constexpr size_t kEntryBytes = 320;

}  // namespace

std::string ResultKey(const RewardRuleSpec& rule, absl::string_view version,
                      int max_new_tokens, const RewardItem& item) {
  Sha256 sha;
  // With its length, so that no two sequences of texts are one.
  const auto add = [&sha](absl::string_view text) {
    sha.Update(absl::StrCat(text.size(), ":"));
    sha.Update(text);
  };
  add(rule.name());
  const std::map<std::string, std::string> options(rule.option().begin(),
                                                   rule.option().end());
  add(absl::StrCat(options.size()));
  for (const auto& [name, value] : options) {
    add(name);
    add(value);
  }
  add(version);
  add(item.prompt());
  add(item.completion());
  add(item.reference());
  add(absl::StrCat(max_new_tokens, " ", item.completion_tokens(), " ",
                   item.is_truncated()));
  return sha.FinishHex();
}

std::optional<RuleResult> ResultCache::Find(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) {
    ++misses_;
    return std::nullopt;
  }
  ++hits_;
  entries_.splice(entries_.begin(), entries_, it->second);
  return it->second->result;
}

void ResultCache::Keep(const std::string& key, const RuleResult& result) {
  if (result.kind != REWARD_SCORE) return;
  const size_t size_bytes =
      kEntryBytes + result.detail.size() + result.version.size();
  absl::MutexLock lock(&mutex_);
  if (size_bytes > max_bytes_ || by_key_.contains(key)) return;
  entries_.push_front({key, result, size_bytes});
  by_key_[key] = entries_.begin();
  bytes_ += size_bytes;
  while (bytes_ > max_bytes_) {
    bytes_ -= entries_.back().size_bytes;
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

ResultCache::Stats ResultCache::stats() const {
  absl::MutexLock lock(&mutex_);
  return {hits_, misses_, static_cast<int64_t>(entries_.size()),
          static_cast<int64_t>(bytes_)};
}

}  // namespace r1

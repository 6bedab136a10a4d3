#include "reward/repetition/repetition_rule.h"

#include <cstddef>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "reward/language/script.h"

namespace r1 {
namespace {

// Odd, with its bits spread (the golden ratio): products of it mix well.
constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15;

// A bijection of 64 bits that mixes them. Source: SplitMix64.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// Calls `word` with a hash of each word.
template <typename Word>
void ForEachWord(absl::string_view text, const Word& word) {
  uint64_t hash = 0;
  bool is_open = false;
  const auto close = [&] {
    if (is_open) word(Mix(hash));
    hash = 0;
    is_open = false;
  };
  for (size_t at = 0, length = 0; at < text.size(); at += length) {
    const int32_t c = FirstCodePoint(text.substr(at), &length);
    const bool is_ascii = c < 0x80;
    if (is_ascii && absl::ascii_isspace(c)) {
      close();
      continue;
    }
    const bool is_alone = !is_ascii && IsWordByCharacter(ScriptOf(c));
    if (is_alone) close();
    hash = (hash + 1 + (is_ascii ? absl::ascii_tolower(c) : c)) * kMultiplier;
    is_open = true;
    if (is_alone) close();
  }
  close();
}

}  // namespace

absl::StatusOr<RepetitionOptions> RepetitionOptions::Parse(
    const RuleOptions& options) {
  RepetitionOptions parsed;
  OptionReader read(options);
  read.Int("n", 1, 64, &parsed.n);
  R1_RETURN_IF_ERROR(read.Finish());
  return parsed;
}

NgramCount CountNgrams(absl::string_view text, int n) {
  // hash(w_i .. w_{i+n-1}) = sum of w_{i+j} * kMultiplier^(n-1-j), modulo 2^64:
  // rolls on by one multiplication.
  uint64_t leading = 1;
  for (int i = 1; i < n; ++i) leading *= kMultiplier;
  std::vector<uint64_t> last(n);  // words, as a ring
  int64_t num_words = 0;
  uint64_t hash = 0;
  absl::flat_hash_set<uint64_t> distinct;
  ForEachWord(text, [&](uint64_t word) {
    uint64_t& slot = last[num_words % n];
    hash = (hash - slot * leading) * kMultiplier + word;
    slot = word;
    if (++num_words >= n) distinct.insert(Mix(hash));
  });
  return {static_cast<int64_t>(distinct.size()),
          num_words < n ? 0 : num_words - n + 1};
}

RuleResult RepetitionRule::Score(const RewardItem& item,
                                 const RuleContext& /*context*/) const {
  const NgramCount count = CountNgrams(item.completion(), options_.n);
  if (count.all == 0) return RuleResult::Score(0);
  const double repeated = static_cast<double>(count.all - count.distinct);
  return RuleResult::Score(
      -repeated / count.all,
      repeated == 0 ? ""
                    : absl::StrCat(count.distinct, " of ", count.all, " ",
                                   options_.n, "-grams are distinct"));
}

}  // namespace r1

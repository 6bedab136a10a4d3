#include "pipeline/evaluation/estimators.h"

#include "absl/container/flat_hash_map.h"
#include "base/check.h"

namespace r1 {

double PassAtK(int64_t n, int64_t c, int64_t k) {
  R1_CHECK(0 <= c && c <= n && 1 <= k && k <= n, "0 <= c <= n, 1 <= k <= n");
  if (n - c < k) return 1;
  // C(n - c, k) / C(n, k) = prod over i in (n - c, n] of (i - k) / i: small
  // factors, where the binomials themselves would overflow.
  double all_wrong = 1;
  for (int64_t i = n - c + 1; i <= n; ++i) {
    all_wrong *= static_cast<double>(i - k) / static_cast<double>(i);
  }
  return 1 - all_wrong;
}

bool IsConsensusCorrect(absl::Span<const Vote> votes) {
  absl::flat_hash_map<std::string, int> counts;
  for (const Vote& vote : votes) {
    if (vote.answer) ++counts[*vote.answer];
  }
  int most = 0;
  bool is_correct = false;
  // In order of the votes, so that a tie goes to the first answer given.
  for (const Vote& vote : votes) {
    if (!vote.answer || counts[*vote.answer] <= most) continue;
    most = counts[*vote.answer];
    is_correct = vote.is_correct;
  }
  return is_correct;
}

}  // namespace r1

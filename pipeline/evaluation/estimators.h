// Accuracy estimators over k samples a problem, as in the paper's evaluation
// (DeepSeek-R1, arXiv 2501.12948 v2, D.1).
#ifndef R1_PIPELINE_EVALUATION_ESTIMATORS_H_
#define R1_PIPELINE_EVALUATION_ESTIMATORS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"

namespace r1 {

// Unbiased estimate of the chance that one of k samples is right, from n
// samples of which c are: 1 - C(n - c, k) / C(n, k). pass@1 is c / n.
// Requires 0 <= c <= n and 1 <= k <= n.
// Source: Chen et al. 2021 (arXiv 2107.03374), equation 1.
double PassAtK(int64_t n, int64_t c, int64_t k);

// One sample's vote: its answer in canonical form, if it gave one.
struct Vote {
  std::optional<std::string> answer;
  bool is_correct = false;
};

// cons@k: whether the most frequent answer is right. Of equally frequent ones
// the one given first wins; samples without an answer do not vote. False if
// nobody votes.
bool IsConsensusCorrect(absl::Span<const Vote> votes);

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_ESTIMATORS_H_

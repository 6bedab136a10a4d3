// Advantages: how much better a sample did than the rest of its group.
#ifndef R1_LEARNER_ADVANTAGE_H_
#define R1_LEARNER_ADVANTAGE_H_

#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "proto/config.pb.h"

namespace r1 {

// The total rewards of one prompt's samples, in order of sample index; nullopt
// for a sample without a score (abstention, error, timeout). Scores are finite.
using RewardGroup = std::vector<std::optional<double>>;

// Whether the scores of a group tell its samples apart: at least two scores
// that differ. A group that is not informative has only zero advantages.
bool IsInformative(const RewardGroup& group);

// One advantage per sample, the same for every token of it:
//   GRPO          A_i = (r_i - mean) / (std + 1e-6)
//   DR_GRPO       A_i = r_i - mean
//   RLOO          A_i = r_i - mean of the others = n / (n - 1) (r_i - mean)
//   REINFORCE_PP  A_i = (r_i - mean) / (std over the batch of r - mean + 1e-6)
// mean and std run over the n scored samples of the group. std is the sample
// form (n - 1), which the paper leaves open; form and 1e-6 are verl's. The last
// line whitens over the samples of all groups with two or more scores; their
// mean is 0 by construction, so only the scale is divided out.
// Samples without a score, and all samples of a group that is not informative,
// get exactly 0. To be called with the whole rollout phase, before any split.
// Shapes: ragged [P][G] -> the same.
// Source: DeepSeekMath (arXiv 2402.03300) 4.1.2; arXiv 2503.20783 eq. 3;
// arXiv 2402.14740 eq. 8; arXiv 2501.03262 eq. 8 with baseline.
//
// `only_informative`: only informative groups are trained on, as with dynamic
// sampling, so the batch that is whitened over has no others.
std::vector<std::vector<double>> ComputeAdvantages(
    AdvantageEstimator estimator, absl::Span<const RewardGroup> groups,
    bool only_informative = false);

}  // namespace r1

#endif  // R1_LEARNER_ADVANTAGE_H_

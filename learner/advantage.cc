#include "learner/advantage.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace r1 {
namespace {

constexpr double kEpsilon = 1e-6;

int64_t CountScores(const RewardGroup& group) {
  int64_t n = 0;
  for (const auto& reward : group) n += reward.has_value();
  return n;
}

// r - mean over the scored samples; 0 for the others.
std::vector<double> Centred(const RewardGroup& group) {
  double sum = 0;
  for (const auto& reward : group) sum += reward.value_or(0);
  const double mean = sum / CountScores(group);
  std::vector<double> centred;
  for (const auto& reward : group) {
    centred.push_back(reward.has_value() ? *reward - mean : 0);
  }
  return centred;
}

double SumSquares(absl::Span<const double> values) {
  double sum = 0;
  for (double x : values) sum += x * x;
  return sum;
}

void Scale(double factor, std::vector<double>* values) {
  for (double& x : *values) x *= factor;
}

}  // namespace

bool IsInformative(const RewardGroup& group) {
  std::optional<double> first;
  for (const auto& reward : group) {
    if (!reward.has_value()) continue;
    if (first.has_value() && *first != *reward) return true;
    first = reward;
  }
  return false;
}

std::vector<std::vector<double>> ComputeAdvantages(
    AdvantageEstimator estimator, absl::Span<const RewardGroup> groups,
    bool only_informative) {
  std::vector<std::vector<double>> advantages;
  double batch_sum_squares = 0;
  int64_t batch_count = 0;
  for (const RewardGroup& group : groups) {
    const int64_t n = CountScores(group);
    const bool is_informative = IsInformative(group);
    if (is_informative || (n >= 2 && !only_informative)) batch_count += n;
    if (!is_informative) {
      advantages.emplace_back(group.size(), 0.0);
      continue;
    }
    std::vector<double> a = Centred(group);
    const double sum_squares = SumSquares(a);
    batch_sum_squares += sum_squares;
    switch (estimator) {
      case GRPO:
        Scale(1 / (std::sqrt(sum_squares / (n - 1)) + kEpsilon), &a);
        break;
      case RLOO:
        Scale(static_cast<double>(n) / (n - 1), &a);
        break;
      case DR_GRPO:
      case REINFORCE_PP:  // scaled below, when the whole batch is known
        break;
    }
    advantages.push_back(std::move(a));
  }
  if (estimator == REINFORCE_PP && batch_count >= 2) {
    const double std = std::sqrt(batch_sum_squares / (batch_count - 1));
    for (std::vector<double>& a : advantages) Scale(1 / (std + kEpsilon), &a);
  }
  return advantages;
}

}  // namespace r1

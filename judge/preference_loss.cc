#include "judge/preference_loss.h"

#include <cmath>

#include "base/math.h"

namespace r1 {

double PreferenceLoss(double margin) {
  // log(1 + e^-|m|), plus -m where m < 0: never the exponential of much.
  return Log(1 + Exp(-std::abs(margin))) + (margin < 0 ? -margin : 0);
}

double PreferenceLossGradient(double margin) { return -1 / (1 + Exp(margin)); }

PreferenceMetrics MeasurePreferences(absl::Span<const double> margins) {
  PreferenceMetrics sum;
  for (double margin : margins) {
    sum.loss += PreferenceLoss(margin);
    sum.accuracy += margin > 0;
    sum.margin += margin;
  }
  const double n = margins.size();
  return {sum.loss / n, sum.accuracy / n, sum.margin / n};
}

std::vector<double> PreferenceMargins(const PolicyWeights& weights,
                                      absl::Span<const Preference> examples,
                                      SequenceScorer* scorer) {
  std::vector<std::vector<int32_t>> texts;
  for (const Preference& example : examples) {
    if (!example.better.empty()) texts.push_back(example.better);
    if (!example.worse.empty()) texts.push_back(example.worse);
  }
  const std::vector<float> scores = scorer->Score(weights, texts);
  std::vector<double> margins;
  auto score = scores.begin();
  for (const Preference& example : examples) {
    double margin = 0;
    if (!example.better.empty()) margin += *score++;
    if (!example.worse.empty()) margin -= *score++;
    margins.push_back(margin);
  }
  return margins;
}

}  // namespace r1

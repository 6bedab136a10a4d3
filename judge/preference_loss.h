// The loss of a reward model on one example, and measures over many.
//
// A pair's margin is r_better - r_worse; its loss -log sigmoid(margin) is that
// of Bradley and Terry (DeepSeek-R1, arXiv 2501.12948 v2, 3.1: helpful reward
// model). A single text is a pair whose other text has score 0: with margin r
// if it is good and -r if it is bad, the same formula is the logistic loss of
// labels (there, too: safety reward model).
#ifndef R1_JUDGE_PREFERENCE_LOSS_H_
#define R1_JUDGE_PREFERENCE_LOSS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "judge/reward_model.h"
#include "model/weights.h"

namespace r1 {

// Which text is to score higher; one of them may be empty, and scores 0.
struct Preference {
  std::vector<int32_t> better, worse;  // tokens

  int64_t length() const { return better.size() + worse.size(); }
};

// -log sigmoid(margin), in nats, and its derivative by the margin.
double PreferenceLoss(double margin);
double PreferenceLossGradient(double margin);

// Means over examples.
struct PreferenceMetrics {
  double loss = 0;
  double accuracy = 0;  // share with margin > 0
  double margin = 0;
};
PreferenceMetrics MeasurePreferences(absl::Span<const double> margins);

// Each example's margin under the weights: of held-out ones, say.
std::vector<double> PreferenceMargins(const PolicyWeights& weights,
                                      absl::Span<const Preference> examples,
                                      SequenceScorer* scorer);

}  // namespace r1

#endif  // R1_JUDGE_PREFERENCE_LOSS_H_

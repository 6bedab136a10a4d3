// The policy losses written out from their papers, in double, one formula
// after the other, without sharing anything with the product: the oracle of
// tests/learner/policy_loss_test.cc. Only the loss is here; gradients are its
// finite differences.
#ifndef R1_TESTS_REFERENCE_POLICY_LOSS_H_
#define R1_TESTS_REFERENCE_POLICY_LOSS_H_

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace r1::reference {

using Rows = std::vector<std::vector<double>>;  // [sequence][token]

struct PolicyLossCase {
  std::string objective;    // "ppo" or "cispo"
  std::string ratio;        // "token" or "sequence"
  std::string aggregation;  // "seq-mean", "token-mean" or "seq-sum-norm"
  double clip_low, clip_high;
  double dual_clip = 0, kl_coef = 0, tis_cap = 0, entropy_coef = 0;
  double max_new_tokens = 1;
  Rows old_logp, rollout_logp, ref_logp, entropy, advantage;
};

// pi_theta / pi_old of token t, or the sequence's geometric mean of it.
inline double Ratio(const PolicyLossCase& c, const Rows& logp, size_t i,
                    size_t t) {
  if (c.ratio == "token") return std::exp(logp[i][t] - c.old_logp[i][t]);
  double product_log = 0;
  for (size_t u = 0; u < logp[i].size(); ++u) {
    product_log += logp[i][u] - c.old_logp[i][u];
  }
  return std::exp(product_log / logp[i].size());
}

// The loss at `logp`; what the papers put under a stop-gradient is taken from
// `frozen_logp`.
inline double PolicyLoss(const PolicyLossCase& c, const Rows& logp,
                         const Rows& frozen_logp, const Rows& entropy) {
  const auto clip = [&](double rho) {
    return std::min(std::max(rho, 1 - c.clip_low), 1 + c.clip_high);
  };
  double total_tokens = 0;
  for (const auto& row : logp) total_tokens += row.size();
  double loss = 0;
  for (size_t i = 0; i < logp.size(); ++i) {
    double sequence_sum = 0;
    for (size_t t = 0; t < logp[i].size(); ++t) {
      const double A = c.advantage[i][t];
      double objective;
      if (c.objective == "ppo") {
        const double rho = Ratio(c, logp, i, t);
        objective = std::min(rho * A, clip(rho) * A);
        if (c.dual_clip > 0 && A < 0) {
          objective = std::max(objective, c.dual_clip * A);
        }
      } else {
        objective = clip(Ratio(c, frozen_logp, i, t)) * A * logp[i][t];
      }
      if (c.tis_cap > 0) {
        objective *= std::min(std::exp(c.old_logp[i][t] - c.rollout_logp[i][t]),
                              c.tis_cap);
      }
      double token_loss = -objective - c.entropy_coef * entropy[i][t];
      if (c.kl_coef > 0) {
        const double r = std::exp(c.ref_logp[i][t] - logp[i][t]);
        token_loss += c.kl_coef * (r - std::log(r) - 1);
      }
      sequence_sum += token_loss;
    }
    if (c.aggregation == "seq-mean") {
      loss += sequence_sum / logp[i].size() / logp.size();
    } else if (c.aggregation == "token-mean") {
      loss += sequence_sum / total_tokens;
    } else {
      loss += sequence_sum / c.max_new_tokens / logp.size();
    }
  }
  return loss;
}

}  // namespace r1::reference

#endif  // R1_TESTS_REFERENCE_POLICY_LOSS_H_

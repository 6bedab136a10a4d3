// The policy loss over sampled tokens and its exact gradient. One function
// covers GRPO, DAPO, Dr. GRPO, GSPO and CISPO; learner/README.md lists which
// settings make which.
#ifndef R1_LEARNER_POLICY_LOSS_H_
#define R1_LEARNER_POLICY_LOSS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "proto/config.pb.h"

namespace r1 {

struct PolicyLossConfig {
  PolicyObjective objective = PPO_CLIP;
  RatioLevel ratio_level = TOKEN;
  LossAggregation aggregation = SEQUENCE_MEAN;
  double clip_low = 0.2;   // ratio >= 1 - clip_low
  double clip_high = 0.2;  // ratio <= 1 + clip_high
  double dual_clip = 0;    // 0 = off
  double kl_coef = 0;      // beta
  double tis_cap = 0;      // 0 = off
  double entropy_coef = 0;
  int64_t max_new_tokens = 1;  // SEQUENCE_SUM_NORM divides by it
};

PolicyLossConfig MakePolicyLossConfig(const RlSection& rl,
                                      const RolloutSection& rollout);

// Scored tokens of some sequences, one after the other. R = seq_offsets.back().
struct PolicyLossInput {
  absl::Span<const int64_t> seq_offsets;     // [S + 1]
  absl::Span<const float> trainer_logprobs;  // [R] log pi_theta
  absl::Span<const float> old_logprobs;      // [R] log pi_old
  absl::Span<const float> rollout_logprobs;  // [R] log mu, as sampled
  absl::Span<const float> ref_logprobs;      // [R], or empty: no KL
  absl::Span<const float> entropies;         // [R], or empty: no entropy
  absl::Span<const float> advantages;        // [R]
};

// Extent of the whole minibatch that the microbatch belongs to: the means run
// over the minibatch, so that its cut into microbatches changes nothing.
struct MinibatchExtent {
  int64_t sequences = 0;
  int64_t tokens = 0;  // scored
};

// Sums over tokens, so that microbatches add up.
struct PolicyLossStats {
  int64_t tokens = 0;
  int64_t clipped_low = 0;   // ratio below 1 - clip_low cut the gradient
  int64_t clipped_high = 0;  // ratio above 1 + clip_high cut the gradient
  int64_t clipped_dual = 0;  // the dual clip did
  double ratio_sum = 0;
  double ratio_max = 0;
  double max_abs_log_ratio = 0;  // nats
  double k3_sum = 0;             // nats
  double entropy_sum = 0;        // nats

  void Add(const PolicyLossStats& other);
  double clip_fraction() const;
};

struct PolicyLossOutput {
  double loss = 0;                // this microbatch's share of the sum
  std::vector<float> dlogprobs;   // [R] d loss / d trainer_logprobs
  std::vector<float> dentropies;  // [R] d loss / d entropies, empty without
  PolicyLossStats stats;
};

// loss = sum_t w_t (-J_t + beta k3_t - c H_t) with
//   w_t      by aggregation: 1 / (S |o_i|), 1 / T or 1 / (S max_new_tokens)
//   rho_t    exp(log pi_theta - log pi_old), or for SEQUENCE the geometric mean
//            s_i of it over the sequence, whose gradient flows through all of
//            its tokens
//   J_t      PPO_CLIP: u_t min(rho A, clip(rho) A), and at least u_t c A for
//            A < 0 with the dual clip
//            CISPO: u_t sg(clip(rho)) A log pi_theta
//   u_t      min(pi_old / mu, tis_cap), without gradient; 1 if off
//   k3_t     pi_ref / pi_theta - log(pi_ref / pi_theta) - 1
// log rho is clamped to +-20 and k3 to 10, as in verl: the gradient beyond is
// 0. Computed in double. A token with A = 0 and no KL or entropy term gets
// gradient exactly 0.
// Source: DeepSeekMath (arXiv 2402.03300) eq. 3-4; DAPO arXiv 2503.14476 eq. 8;
// arXiv 2503.20783 eq. 2; GSPO arXiv 2507.18071 eq. 5-7; CISPO arXiv 2506.13585
// eq. 4-5; dual clip arXiv 1912.09729 eq. 5; k3: joschu.net/blog/kl-approx.
PolicyLossOutput ComputePolicyLoss(const PolicyLossConfig& config,
                                   const PolicyLossInput& input,
                                   const MinibatchExtent& extent);

}  // namespace r1

#endif  // R1_LEARNER_POLICY_LOSS_H_

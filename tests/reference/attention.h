// Double-precision oracle of causal grouped-query attention over one whole
// sequence, written from the formula (Vaswani et al. 2017, eq. 1): no pages,
// no tiles.
#ifndef R1_TESTS_REFERENCE_ATTENTION_H_
#define R1_TESTS_REFERENCE_ATTENTION_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace r1::reference {

struct AttentionShape {
  int64_t tokens;
  int heads;     // H
  int kv_heads;  // K
  int depth;     // D
  double scale;

  int64_t q_index(int64_t t, int h, int d) const {
    return (t * heads + h) * depth + d;
  }
  // The key that query head h reads.
  int64_t kv_index(int64_t j, int h, int d) const {
    return (j * kv_heads + h / (heads / kv_heads)) * depth + d;
  }
};

struct AttentionResult {
  std::vector<double> out;  // [T, H * D]
  std::vector<double> lse;  // [T, H]
};

// The probabilities of row (t, h) over the keys 0..t.
inline std::vector<double> AttentionRow(const AttentionShape& s,
                                        const std::vector<double>& q,
                                        const std::vector<double>& k, int64_t t,
                                        int h, double* lse) {
  std::vector<double> p(t + 1);
  for (int64_t j = 0; j <= t; ++j) {
    for (int d = 0; d < s.depth; ++d) {
      p[j] += s.scale * q[s.q_index(t, h, d)] * k[s.kv_index(j, h, d)];
    }
  }
  const double max = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (const double score : p) sum += std::exp(score - max);
  *lse = max + std::log(sum);
  for (double& score : p) score = std::exp(score - *lse);
  return p;
}

inline AttentionResult AttentionForward(const AttentionShape& s,
                                        const std::vector<double>& q,
                                        const std::vector<double>& k,
                                        const std::vector<double>& v) {
  AttentionResult r;
  r.out.resize(s.tokens * s.heads * s.depth);
  r.lse.resize(s.tokens * s.heads);
  for (int64_t t = 0; t < s.tokens; ++t) {
    for (int h = 0; h < s.heads; ++h) {
      const std::vector<double> p =
          AttentionRow(s, q, k, t, h, &r.lse[t * s.heads + h]);
      for (int64_t j = 0; j <= t; ++j) {
        for (int d = 0; d < s.depth; ++d) {
          r.out[s.q_index(t, h, d)] += p[j] * v[s.kv_index(j, h, d)];
        }
      }
    }
  }
  return r;
}

struct AttentionGradients {
  std::vector<double> dq, dk, dv;
};

// The gradient of sum(out * dout), by the chain rule on full rows:
//   dv[j] += p[j] dout; dp[j] = dout . v[j];
//   ds[j] = p[j] (dp[j] - sum_i p[i] dp[i]); dq += scale ds[j] k[j], ...
inline AttentionGradients AttentionBackward(const AttentionShape& s,
                                            const std::vector<double>& q,
                                            const std::vector<double>& k,
                                            const std::vector<double>& v,
                                            const std::vector<double>& dout) {
  AttentionGradients g;
  g.dq.resize(q.size());
  g.dk.resize(k.size());
  g.dv.resize(v.size());
  for (int64_t t = 0; t < s.tokens; ++t) {
    for (int h = 0; h < s.heads; ++h) {
      double lse;
      const std::vector<double> p = AttentionRow(s, q, k, t, h, &lse);
      std::vector<double> dp(p.size());
      double mean = 0;
      for (int64_t j = 0; j <= t; ++j) {
        for (int d = 0; d < s.depth; ++d) {
          const double slope = dout[s.q_index(t, h, d)];
          g.dv[s.kv_index(j, h, d)] += p[j] * slope;
          dp[j] += slope * v[s.kv_index(j, h, d)];
        }
        mean += p[j] * dp[j];
      }
      for (int64_t j = 0; j <= t; ++j) {
        const double ds = s.scale * p[j] * (dp[j] - mean);
        for (int d = 0; d < s.depth; ++d) {
          g.dq[s.q_index(t, h, d)] += ds * k[s.kv_index(j, h, d)];
          g.dk[s.kv_index(j, h, d)] += ds * q[s.q_index(t, h, d)];
        }
      }
    }
  }
  return g;
}

}  // namespace r1::reference

#endif  // R1_TESTS_REFERENCE_ATTENTION_H_

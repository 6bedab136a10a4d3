// Double-precision oracle of the vocabulary head: log-prob and entropy of one
// row under softmax(inv_temperature * logits), and their gradient.
#ifndef R1_TESTS_REFERENCE_SOFTMAX_H_
#define R1_TESTS_REFERENCE_SOFTMAX_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace r1::reference {

// log softmax(inv_temperature * logits).
inline std::vector<double> LogSoftmax(const std::vector<double>& logits,
                                      double inv_temperature) {
  std::vector<double> z(logits.size());
  for (size_t v = 0; v < z.size(); ++v) z[v] = inv_temperature * logits[v];
  const double max = *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (const double value : z) sum += std::exp(value - max);
  for (double& value : z) value -= max + std::log(sum);
  return z;
}

// -sum_v p log p, in nats, from log-probabilities.
inline double Entropy(const std::vector<double>& log_p) {
  double sum = 0;
  for (const double value : log_p) {
    if (std::isfinite(value)) sum -= std::exp(value) * value;
  }
  return sum;
}

// logits[v] = sum_c h[c] head[v, c].
inline std::vector<double> Logits(const std::vector<double>& h,
                                  const std::vector<double>& head) {
  std::vector<double> logits(head.size() / h.size());
  for (size_t v = 0; v < logits.size(); ++v) {
    for (size_t c = 0; c < h.size(); ++c) {
      logits[v] += h[c] * head[v * h.size() + c];
    }
  }
  return logits;
}

// d(dlogprob * log p[target] + dentropy * entropy) / dlogits.
inline std::vector<double> LogprobGradient(const std::vector<double>& logits,
                                           int64_t target,
                                           double inv_temperature,
                                           double dlogprob, double dentropy) {
  std::vector<double> g = LogSoftmax(logits, inv_temperature);
  const double entropy = Entropy(g);
  for (size_t v = 0; v < g.size(); ++v) {
    const double p = std::exp(g[v]);
    const double hit = static_cast<int64_t>(v) == target ? 1 : 0;
    g[v] = inv_temperature *
           (dlogprob * (hit - p) - dentropy * p * (g[v] + entropy));
  }
  return g;
}

}  // namespace r1::reference

#endif  // R1_TESTS_REFERENCE_SOFTMAX_H_

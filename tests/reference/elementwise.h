// Double-precision oracles of the ops that treat elements or pairs alone.
#ifndef R1_TESTS_REFERENCE_ELEMENTWISE_H_
#define R1_TESTS_REFERENCE_ELEMENTWISE_H_

#include <cmath>
#include <cstdint>
#include <vector>

namespace r1::reference {

// silu(gate) * up (Shazeer 2020).
inline double SwiGlu(double gate, double up) {
  return gate / (1 + std::exp(-gate)) * up;
}

// Rotates each head of one row: the pair (i, i + D/2) by the angle whose
// cosine is cos_sin[i] and whose sine is cos_sin[D/2 + i].
// Source: Su et al. 2021, eq. 34, half-split layout.
inline void RotateRow(std::vector<double>& row,
                      const std::vector<double>& cos_sin) {
  const size_t size = cos_sin.size();
  const size_t half = size / 2;
  for (size_t head = 0; head < row.size(); head += size) {
    for (size_t i = 0; i < half; ++i) {
      const double a = row[head + i];
      const double b = row[head + half + i];
      row[head + i] = a * cos_sin[i] - b * cos_sin[half + i];
      row[head + half + i] = b * cos_sin[i] + a * cos_sin[half + i];
    }
  }
}

struct AdamWState {
  double param, m, v;
};

// One step of AdamW (Loshchilov and Hutter 2019, alg. 2, lines 6 to 12, with
// the learning rate as schedule multiplier).
inline AdamWState AdamWStep(AdamWState s, double gradient, double rate,
                            double beta1, double beta2, double epsilon,
                            double weight_decay, int64_t step) {
  s.m = beta1 * s.m + (1 - beta1) * gradient;
  s.v = beta2 * s.v + (1 - beta2) * gradient * gradient;
  const double m_hat = s.m / (1 - std::pow(beta1, step));
  const double v_hat = s.v / (1 - std::pow(beta2, step));
  s.param -=
      rate * (m_hat / (std::sqrt(v_hat) + epsilon) + weight_decay * s.param);
  return s;
}

}  // namespace r1::reference

#endif  // R1_TESTS_REFERENCE_ELEMENTWISE_H_

// Double-precision oracles of linear layers: plain loops over the formulas.
#ifndef R1_TESTS_REFERENCE_LINEAR_H_
#define R1_TESTS_REFERENCE_LINEAR_H_

#include <cstdint>
#include <vector>

namespace r1::reference {

// y[t, n] = start[t, n] + sum_k x[t, k] w[n, k].
// Shapes: x [T, K], w [N, K], start and result [T, N].
inline std::vector<double> Linear(const std::vector<double>& x,
                                  const std::vector<double>& w,
                                  std::vector<double> start, int64_t tokens,
                                  int64_t outputs, int64_t depth) {
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t n = 0; n < outputs; ++n) {
      for (int64_t k = 0; k < depth; ++k) {
        start[t * outputs + n] += x[t * depth + k] * w[n * depth + k];
      }
    }
  }
  return start;
}

// [rows, cols] -> [cols, rows].
inline std::vector<double> Transpose(const std::vector<double>& x, int64_t rows,
                                     int64_t cols) {
  std::vector<double> out(x.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) out[c * rows + r] = x[r * cols + c];
  }
  return out;
}

}  // namespace r1::reference

#endif  // R1_TESTS_REFERENCE_LINEAR_H_

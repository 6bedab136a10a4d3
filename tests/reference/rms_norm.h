// Double-precision oracle of grouped RMSNorm (Zhang and Sennrich 2019, eq. 4).
#ifndef R1_TESTS_REFERENCE_RMS_NORM_H_
#define R1_TESTS_REFERENCE_RMS_NORM_H_

#include <cmath>
#include <cstdint>
#include <vector>

namespace r1::reference {

// Every run of w.size() elements of x is normalised apart.
inline std::vector<double> GroupedRmsNorm(const std::vector<double>& x,
                                          const std::vector<double>& w,
                                          double eps) {
  const size_t size = w.size();
  std::vector<double> y(x.size());
  for (size_t begin = 0; begin < x.size(); begin += size) {
    double mean = 0;
    for (size_t i = 0; i < size; ++i) {
      mean += x[begin + i] * x[begin + i] / static_cast<double>(size);
    }
    for (size_t i = 0; i < size; ++i) {
      y[begin + i] = x[begin + i] / std::sqrt(mean + eps) * w[i];
    }
  }
  return y;
}

}  // namespace r1::reference

#endif  // R1_TESTS_REFERENCE_RMS_NORM_H_

// An arithmetic mean under construction.
#ifndef R1_BASE_MEAN_H_
#define R1_BASE_MEAN_H_

#include <cstdint>

namespace r1 {

struct Mean {
  double sum = 0;
  int64_t count = 0;

  void Add(double x) {
    sum += x;
    ++count;
  }
  // 0 of nothing.
  double value() const { return count > 0 ? sum / count : 0; }
};

}  // namespace r1

#endif  // R1_BASE_MEAN_H_

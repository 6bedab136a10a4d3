// The values that variables take where two expressions are compared.
#ifndef R1_REWARD_MATH_SAMPLE_POINTS_H_
#define R1_REWARD_MATH_SAMPLE_POINTS_H_

#include <gmpxx.h>

#include <string>

#include "absl/container/flat_hash_set.h"
#include "reward/math/tree.h"

namespace r1::math {

// A value is a function of the variable's name and of the point's number alone.
//
// Fractions of both signs and of four sizes, 1/4 to a million, so that
// |x - 5| is told from 5 - x. Where something is counted (floor, ceiling,
// factorial, binomial, remainder, the power of a negative number), the letters
// that count, such as n and k, take whole values: 1 to 27 in an order of their
// own, so that every remainder by a small number occurs, then larger ones; and
// other variables take whole values at every second point.
class SamplePoints {
 public:
  // For the trees `a` and `b`; all values are positive if `positive` is set.
  SamplePoints(const Node& a, const Node& b, bool positive);

  mpq_class Value(const std::string& name, int point) const;

  // How many points to try, and how many that have a value are enough.
  int num_points() const { return is_counting_ ? 40 : 64; }
  int num_wanted() const { return is_counting_ ? 40 : 16; }

 private:
  void Collect(const Node& node);

  const bool positive_;
  bool is_counting_ = false;
  absl::flat_hash_set<std::string> whole_;  // variables with whole values
};

}  // namespace r1::math

#endif  // R1_REWARD_MATH_SAMPLE_POINTS_H_

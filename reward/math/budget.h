// The work one verdict may cost, in steps of about a tenth of a microsecond.
// Counted, not timed, so that a verdict never depends on the machine.
#ifndef R1_REWARD_MATH_BUDGET_H_
#define R1_REWARD_MATH_BUDGET_H_

#include <cstdint>

namespace r1::math {

class Budget {
 public:
  explicit Budget(int64_t steps = kStepsPerVerdict) : left_(steps) {}

  // False once the steps are used up; then for good.
  bool Spend(int64_t steps) {
    left_ = steps > left_ ? -1 : left_ - steps;
    return left_ >= 0;
  }
  bool IsSpent() const { return left_ < 0; }

  // A quarter of what is left, for an attempt that others may follow, and what
  // of it was spent.
  Budget Quarter() const { return Budget(left_ / 4); }
  void Charge(const Budget& quarter) {
    Spend(left_ / 4 - (quarter.left_ < 0 ? 0 : quarter.left_));
  }

  static constexpr int64_t kStepsPerVerdict = 500000;

 private:
  int64_t left_;
};

// What a comparison found out.
enum class Equality {
  kEqual,
  kDifferent,
  kUnknown,  // beyond the core, or beyond the budget
};

}  // namespace r1::math

#endif  // R1_REWARD_MATH_BUDGET_H_

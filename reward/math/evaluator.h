// One evaluation of a tree in ball arithmetic.
#ifndef R1_REWARD_MATH_EVALUATOR_H_
#define R1_REWARD_MATH_EVALUATOR_H_

#include <acb.h>

#include "absl/strings/string_view.h"
#include "reward/math/budget.h"
#include "reward/math/sample_points.h"
#include "reward/math/tree.h"

namespace r1::math {

// A complex ball that frees itself.
class Ball {
 public:
  Ball() { acb_init(ball_); }
  ~Ball() { acb_clear(ball_); }
  Ball(const Ball&) = delete;
  Ball& operator=(const Ball&) = delete;
  acb_struct* get() { return ball_; }
  const acb_struct* get() const { return ball_; }

 private:
  acb_t ball_;
};

void SetRational(const mpq_class& value, long precision, Ball* out);

// Whether it has a value of its own: sin, floor, binom, not f.
bool IsKnownFunction(absl::string_view name);

// Where a tree is evaluated. Without `points` variables have no value.
struct EvaluationPoint {
  const SamplePoints* points = nullptr;
  int point = 0;
  long precision = 256;  // bits
};

class Evaluator {
 public:
  Evaluator(const EvaluationPoint& point, Budget* budget)
      : point_(point), budget_(budget) {}

  // False for what has no value here: sets, text, infinities, numbers beyond
  // 2^(2^40), and beyond the budget.
  bool Evaluate(const Node& node, Ball* out);

  // Whether an even root, a logarithm or a fractional power met a negative
  // real number.
  bool left_real_domain() const { return left_real_domain_; }

 private:
  bool Call(const Node& node, Ball* out);
  bool Counting(const Node& node, Ball* out);
  bool Gamma(const Ball& x, bool is_inverse, Ball* out);
  bool Power(const Ball& base, const Node& exponent, Ball* out);
  bool Root(const Ball& radicand, const Node& index, Ball* out);
  bool Variable(const std::string& name, Ball* out);
  void NoteDomain(const Ball& x);

  const EvaluationPoint point_;
  Budget* budget_;
  bool left_real_domain_ = false;
};

// Text that trees share which differ only in the order of sums, products and
// the like; for functions that are not known.
std::string StructuralKey(const Node& node);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_EVALUATOR_H_

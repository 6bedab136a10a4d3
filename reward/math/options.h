// What the math verifier is asked to do, where peers differ.
#ifndef R1_REWARD_MATH_OPTIONS_H_
#define R1_REWARD_MATH_OPTIONS_H_

#include "absl/status/statusor.h"
#include "reward/core/options.h"

namespace r1 {

// Where the answer of a completion stands. Chosen by the data set, never
// guessed from the text.
enum class MathMode {
  kBoxed,   // the last \boxed{} after the reasoning
  kTag,     // the one <answer>...</answer> after the reasoning
  kHash,    // what follows the last "####" on its line
  kLine,    // what follows the last "answer is" or "answer:" on its line
  kChoice,  // one letter, A to J, in a box, after "answer is", or alone
  kWhole,   // the completion is the answer
};

enum class BoxPolicy { kLast, kOnly };
enum class PercentPolicy { kEither, kValue, kSign };
enum class UnitPolicy { kAgree, kIgnore, kRequire };
enum class CommaPolicy { kAuto, kPoint, kComma };

struct MathOptions {
  // "mode": boxed, tag, hash, line, choice or whole.
  MathMode mode = MathMode::kBoxed;
  // "boxes": last: the last box decides, and boxes joined by "and" or a comma
  // are one list; only: boxes that differ are no answer.
  BoxPolicy boxes = BoxPolicy::kLast;
  // "percent": either: 10% is 10 or 0.1; value: it is 0.1; sign: both sides
  // must have the sign or neither.
  PercentPolicy percent = PercentPolicy::kEither;
  // "units": agree: two known units must be the same, one alone is ignored;
  // ignore; require: the answer must have the gold's unit.
  UnitPolicy units = UnitPolicy::kAgree;
  // "decimal_comma": auto: 1,50 equals 1.50 where the other side says so;
  // point: commas never are decimal; comma: they always are.
  CommaPolicy decimal_comma = CommaPolicy::kAuto;
  // "list_order": any or same: whether 1, 2 equals 2, 1.
  bool list_order_matters = false;
  // "fractions": any or reduced: whether 2/4 equals 1/2.
  bool fractions_must_be_reduced = false;
  // "decimal_gold": rounded or exact: a decimal gold of three digits or more
  // may be the gold rounded, so that an answer that is no finite decimal itself
  // is right within half a unit of its last place; and so is a longer decimal,
  // for a gold with three decimals or a power of ten.
  bool decimal_gold_is_rounded = true;
  // "decimal_answer_digits": a decimal answer of at least so many significant
  // digits equals an exact gold, not an integer, that rounds to it; 0: never.
  int decimal_answer_digits = 5;
  // "inequalities": sets or apart: whether -1 < x < 2 equals (-1, 2).
  bool inequalities_are_sets = true;
  // "names": same or any: whether y = 5 equals x = 5. One name alone is
  // ignored.
  bool names_must_match = true;
  // "text_case": any or same.
  bool text_case_matters = false;
  // "variables": real or positive: whether sqrt(x^2) equals x.
  bool variables_are_positive = false;
  // "base": required or optional: whether 204 equals 204_5.
  bool base_is_required = true;

  // The options of a configuration; those not given keep their defaults.
  // Errors: InvalidArgument: an unknown key or value, with those expected.
  static absl::StatusOr<MathOptions> Parse(const RuleOptions& options);
};

}  // namespace r1

#endif  // R1_REWARD_MATH_OPTIONS_H_

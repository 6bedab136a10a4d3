// From the scores of the rules to one total. Every rule of a request takes
// these options beside its own:
//
//   clip_low, clip_high  the score is moved into [clip_low, clip_high] first
//   gate                 below this score (before the clip), only rules with a
//                        gate count; with weight 0, such a rule is a pure gate
//   combine              "sum": added to the total; "min": of all rules that
//                        say so, only the smallest weight x score is added
//   for                  the rows that the rule is for, by fields of the
//                        reference (row_filter.h); to others it does not apply
//   when                 "train", "eval" or "both"; the configuration's
//                        (builtin_rules.h), of no meaning in a request
#ifndef R1_REWARD_CORE_COMPOSITION_H_
#define R1_REWARD_CORE_COMPOSITION_H_

#include <limits>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "reward/core/options.h"
#include "reward/core/row_filter.h"

namespace r1 {

// How one rule's score enters the total.
struct Term {
  double weight = 1;
  double clip_low = -std::numeric_limits<double>::infinity();
  double clip_high = std::numeric_limits<double>::infinity();
  std::optional<double> gate;
  bool is_min = false;
  // The first step of training in which weight and gate count.
  int64_t from_step = 0;
  // Of a rule that compares samples: no part of the raw total.
  bool is_group = false;
  RowFilter rows;

  // Whether there is no total without the rule's score; else it is a metric.
  bool is_required() const { return weight != 0 || gate.has_value(); }
};

// The term of a rule; takes the options above out of `options`.
// Errors: InvalidArgument for a bad value, or clip_low above clip_high.
absl::StatusOr<Term> TakeTerm(double weight, RuleOptions* options);

struct Totals {
  double total = 0;  // with everything
  double raw = 0;    // the weighted sum of rules that judge one sample, alone
};

// Sums in the order of the terms; a rule without a score adds nothing. What
// overflows is not finite.
Totals Compose(absl::Span<const Term> terms,
               absl::Span<const std::optional<double>> scores);

}  // namespace r1

#endif  // R1_REWARD_CORE_COMPOSITION_H_

#include "reward/core/composition.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

constexpr double kLargest = std::numeric_limits<double>::max();

}  // namespace

absl::StatusOr<Term> TakeTerm(double weight, RuleOptions* options) {
  RuleOptions own;
  for (const std::string& name : CompositionOptions()) {
    if (auto node = options->extract(name)) own.insert(std::move(node));
  }
  Term term;
  term.weight = weight;
  double gate = 0;
  int combine = 0, when = 0;
  OptionReader read(own);
  read.Number("clip_low", -kLargest, kLargest, &term.clip_low);
  read.Number("clip_high", -kLargest, kLargest, &term.clip_high);
  read.Number("gate", -kLargest, kLargest, &gate);
  read.Choice("combine", {"sum", "min"}, &combine);
  read.Choice("when", {"train", "eval", "both"}, &when);
  std::string rows;
  read.Text("for", &rows);
  R1_RETURN_IF_ERROR(read.Finish());
  if (term.clip_low > term.clip_high) {
    return absl::InvalidArgumentError(absl::StrCat(
        "option \"clip_low\": expected at most clip_high = ", term.clip_high,
        ", got ", term.clip_low));
  }
  if (own.contains("gate")) term.gate = gate;
  if (own.contains("for")) {
    R1_ASSIGN_OR_RETURN(term.rows, RowFilter::Parse(rows));
  }
  term.is_min = combine == 1;
  return term;
}

Totals Compose(absl::Span<const Term> terms,
               absl::Span<const std::optional<double>> scores) {
  bool is_open = true;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (terms[i].gate && scores[i] && *scores[i] < *terms[i].gate) {
      is_open = false;
    }
  }
  Totals totals;
  std::optional<double> smallest;
  for (size_t i = 0; i < terms.size(); ++i) {
    const Term& term = terms[i];
    if (!scores[i] || term.weight == 0) continue;
    if (!term.is_group) totals.raw += term.weight * *scores[i];
    if (!is_open && !term.gate) continue;
    const double value =
        term.weight * std::clamp(*scores[i], term.clip_low, term.clip_high);
    if (term.is_min) {
      smallest = std::min(smallest.value_or(value), value);
    } else {
      totals.total += value;
    }
  }
  totals.total += smallest.value_or(0);
  return totals;
}

}  // namespace r1

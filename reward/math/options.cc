#include "reward/math/options.h"

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

constexpr int kMaxAnswerDigits = 1000;

// `choices` in the order of the enumeration, or false before true.
template <typename T>
void ReadChoice(OptionReader* read, const std::string& name,
                absl::Span<const absl::string_view> choices, T* value) {
  int choice = static_cast<int>(*value);
  read->Choice(name, choices, &choice);
  *value = static_cast<T>(choice);
}

}  // namespace

absl::StatusOr<MathOptions> MathOptions::Parse(const RuleOptions& options) {
  MathOptions parsed;
  OptionReader read(options);
  ReadChoice(&read, "mode", {"boxed", "tag", "hash", "line", "choice", "whole"},
             &parsed.mode);
  ReadChoice(&read, "boxes", {"last", "only"}, &parsed.boxes);
  ReadChoice(&read, "percent", {"either", "value", "sign"}, &parsed.percent);
  ReadChoice(&read, "units", {"agree", "ignore", "require"}, &parsed.units);
  ReadChoice(&read, "decimal_comma", {"auto", "point", "comma"},
             &parsed.decimal_comma);
  ReadChoice(&read, "list_order", {"any", "same"}, &parsed.list_order_matters);
  ReadChoice(&read, "fractions", {"any", "reduced"},
             &parsed.fractions_must_be_reduced);
  ReadChoice(&read, "decimal_gold", {"exact", "rounded"},
             &parsed.decimal_gold_is_rounded);
  read.Int("decimal_answer_digits", 0, kMaxAnswerDigits,
           &parsed.decimal_answer_digits);
  ReadChoice(&read, "inequalities", {"apart", "sets"},
             &parsed.inequalities_are_sets);
  ReadChoice(&read, "names", {"any", "same"}, &parsed.names_must_match);
  ReadChoice(&read, "text_case", {"any", "same"}, &parsed.text_case_matters);
  ReadChoice(&read, "variables", {"real", "positive"},
             &parsed.variables_are_positive);
  ReadChoice(&read, "base", {"optional", "required"}, &parsed.base_is_required);
  R1_RETURN_IF_ERROR(read.Finish());
  return parsed;
}

}  // namespace r1

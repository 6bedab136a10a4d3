#include "reward/math/options.h"

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "reward/text.h"

namespace r1 {
namespace {

constexpr int kMaxAnswerDigits = 1000;

// One value of one key, and what it sets.
struct Choice {
  absl::string_view key;
  absl::string_view value;
  void (*apply)(MathOptions*);
};

#define CHOICE(key, value, field, setting)                             \
  {                                                                    \
    key, value, [](MathOptions* options) { options->field = setting; } \
  }

const std::vector<Choice>& Choices() {
  static const auto* choices = new std::vector<Choice>{
      CHOICE("mode", "boxed", mode, MathMode::kBoxed),
      CHOICE("mode", "tag", mode, MathMode::kTag),
      CHOICE("mode", "hash", mode, MathMode::kHash),
      CHOICE("mode", "line", mode, MathMode::kLine),
      CHOICE("mode", "choice", mode, MathMode::kChoice),
      CHOICE("mode", "whole", mode, MathMode::kWhole),
      CHOICE("boxes", "last", boxes, BoxPolicy::kLast),
      CHOICE("boxes", "only", boxes, BoxPolicy::kOnly),
      CHOICE("percent", "either", percent, PercentPolicy::kEither),
      CHOICE("percent", "value", percent, PercentPolicy::kValue),
      CHOICE("percent", "sign", percent, PercentPolicy::kSign),
      CHOICE("units", "agree", units, UnitPolicy::kAgree),
      CHOICE("units", "ignore", units, UnitPolicy::kIgnore),
      CHOICE("units", "require", units, UnitPolicy::kRequire),
      CHOICE("decimal_comma", "auto", decimal_comma, CommaPolicy::kAuto),
      CHOICE("decimal_comma", "point", decimal_comma, CommaPolicy::kPoint),
      CHOICE("decimal_comma", "comma", decimal_comma, CommaPolicy::kComma),
      CHOICE("list_order", "any", list_order_matters, false),
      CHOICE("list_order", "same", list_order_matters, true),
      CHOICE("fractions", "any", fractions_must_be_reduced, false),
      CHOICE("fractions", "reduced", fractions_must_be_reduced, true),
      CHOICE("decimal_gold", "rounded", decimal_gold_is_rounded, true),
      CHOICE("decimal_gold", "exact", decimal_gold_is_rounded, false),
      CHOICE("inequalities", "sets", inequalities_are_sets, true),
      CHOICE("inequalities", "apart", inequalities_are_sets, false),
      CHOICE("names", "same", names_must_match, true),
      CHOICE("names", "any", names_must_match, false),
      CHOICE("text_case", "any", text_case_matters, false),
      CHOICE("text_case", "same", text_case_matters, true),
      CHOICE("variables", "real", variables_are_positive, false),
      CHOICE("variables", "positive", variables_are_positive, true),
      CHOICE("base", "required", base_is_required, true),
      CHOICE("base", "optional", base_is_required, false),
  };
  return *choices;
}

#undef CHOICE

constexpr absl::string_view kDigitsKey = "decimal_answer_digits";

std::string KnownKeys() {
  std::vector<absl::string_view> keys;
  for (const Choice& choice : Choices()) {
    if (keys.empty() || keys.back() != choice.key) keys.push_back(choice.key);
  }
  keys.push_back(kDigitsKey);
  return absl::StrJoin(keys, ", ");
}

absl::Status Apply(absl::string_view key, absl::string_view value,
                   MathOptions* options) {
  if (key == kDigitsKey) {
    int digits = 0;
    if (!absl::SimpleAtoi(value, &digits) || digits < 0 ||
        digits > kMaxAnswerDigits) {
      return absl::InvalidArgumentError(
          absl::StrCat("math option ", key, ": expected 0 to ",
                       kMaxAnswerDigits, ", got \"", Excerpt(value), "\""));
    }
    options->decimal_answer_digits = digits;
    return absl::OkStatus();
  }
  std::vector<absl::string_view> values;
  for (const Choice& choice : Choices()) {
    if (choice.key != key) continue;
    if (choice.value == value) {
      choice.apply(options);
      return absl::OkStatus();
    }
    values.push_back(choice.value);
  }
  if (values.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown math option \"", Excerpt(key), "\"; known: ", KnownKeys()));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "math option ", key, ": expected ", absl::StrJoin(values, " or "),
      ", got \"", Excerpt(value), "\""));
}

}  // namespace

absl::StatusOr<MathOptions> MathOptions::Parse(
    const std::map<std::string, std::string>& options) {
  MathOptions parsed;
  for (const auto& [key, value] : options) {
    const absl::Status status = Apply(key, value, &parsed);
    if (!status.ok()) return status;
  }
  return parsed;
}

}  // namespace r1

// Which rows of the data a rule is for.
#ifndef R1_REWARD_CORE_ROW_FILTER_H_
#define R1_REWARD_CORE_ROW_FILTER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// Asks fields of the reference for values. Without any field, every row passes.
class RowFilter {
 public:
  // A JSON object: {"data_source": "gsm8k"}, or with several allowed values
  // {"data_source": ["gsm8k", "math"], "level": 3}. Values are texts, numbers
  // and booleans.
  // Errors: InvalidArgument.
  static absl::StatusOr<RowFilter> Parse(absl::string_view json);

  // Why a row with this reference does not pass: the first field that is
  // absent or has another value; empty if it passes.
  std::string Mismatch(absl::string_view reference) const;

 private:
  // Each field with the allowed values as JSON, e.g. "gsm8k" in quotes.
  std::vector<std::pair<std::string, std::vector<std::string>>> fields_;
};

}  // namespace r1

#endif  // R1_REWARD_CORE_ROW_FILTER_H_

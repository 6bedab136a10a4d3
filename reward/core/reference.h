// The reference of an item: a JSON object, made by a data file and therefore
// untrusted. A rule reads the fields it knows and leaves the others to others;
// one that cannot use it abstains with the returned message.
#ifndef R1_REWARD_CORE_REFERENCE_H_
#define R1_REWARD_CORE_REFERENCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// The value of the field `name` as it is spelled, valid JSON; points into
// `reference`. `expected`: what a reference should be, for the message.
// Errors: InvalidArgument; without the field it names those there are.
absl::StatusOr<absl::string_view> ReferenceField(absl::string_view reference,
                                                 const char* name,
                                                 absl::string_view expected);

// InvalidArgument: "unusable reference: expected ..., got ...".
absl::Status UnusableReference(absl::string_view reference,
                               absl::string_view expected);

// {"answer": "72"}; a number in place of the string is taken as it is spelled,
// whatever its size: 18446744073709551616, 0.00002, 1e22.
// Returns the answer without surrounding white space, never empty. A form feed
// before it stays: JSON makes one of the start of "\frac".
// Errors: InvalidArgument; for a reference without the field it names those
// there are.
absl::StatusOr<std::string> AnswerReference(absl::string_view json);

struct CountdownNumbers {
  std::vector<int64_t> nums;  // 1 to 32 numbers, each 0 or more
  int64_t target = 0;
};

// {"nums": [3, 5, 7], "target": 22}. Errors: InvalidArgument.
absl::StatusOr<CountdownNumbers> CountdownReference(absl::string_view json);

}  // namespace r1

#endif  // R1_REWARD_CORE_REFERENCE_H_

#include "reward/reference.h"

#include <cstddef>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "reward/text.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxReferenceBytes = 1 << 20;
constexpr size_t kMaxNums = 32;

absl::Status Unusable(absl::string_view reference, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("unusable reference: expected ", expected, ", got \"",
                   Excerpt(reference), "\""));
}

// The member `field` of the JSON object.
absl::StatusOr<Json> Member(absl::string_view reference, const char* field,
                            absl::string_view expected) {
  if (reference.size() > kMaxReferenceBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("unusable reference: ", reference.size(),
                     " bytes, at most ", kMaxReferenceBytes, " are read"));
  }
  Json object = Json::parse(reference.begin(), reference.end(), nullptr,
                            /*allow_exceptions=*/false);
  if (!object.is_object()) return Unusable(reference, expected);
  const auto it = object.find(field);
  if (it == object.end()) return Unusable(reference, expected);
  return std::move(*it);
}

// Whether the value is an integer that int64 holds.
bool IsInt64(const Json& value) {
  if (!value.is_number_integer()) return false;
  return !value.is_number_unsigned() ||
         value.get<uint64_t>() <=
             static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
}

}  // namespace

absl::StatusOr<std::string> AnswerReference(absl::string_view json) {
  constexpr absl::string_view kExpected =
      "{\"answer\": a string that is not blank, or an integer}";
  R1_ASSIGN_OR_RETURN(const Json answer, Member(json, "answer", kExpected));
  std::string text;
  if (answer.is_string()) {
    text = answer.get<std::string>();
  } else if (answer.is_number_integer()) {
    text = answer.dump();
  }
  absl::StripAsciiWhitespace(&text);
  if (text.empty()) return Unusable(json, kExpected);
  return text;
}

absl::StatusOr<CountdownNumbers> CountdownReference(absl::string_view json) {
  constexpr absl::string_view kExpected =
      "{\"nums\": [1 to 32 integers, 0 or more], \"target\": an integer}";
  R1_ASSIGN_OR_RETURN(const Json nums, Member(json, "nums", kExpected));
  R1_ASSIGN_OR_RETURN(const Json target, Member(json, "target", kExpected));
  if (!nums.is_array() || nums.empty() || nums.size() > kMaxNums ||
      !IsInt64(target)) {
    return Unusable(json, kExpected);
  }
  CountdownNumbers problem;
  problem.target = target.get<int64_t>();
  for (const Json& num : nums) {
    if (!IsInt64(num) || num.get<int64_t>() < 0) {
      return Unusable(json, kExpected);
    }
    problem.nums.push_back(num.get<int64_t>());
  }
  return problem;
}

}  // namespace r1

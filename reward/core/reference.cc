#include "reward/core/reference.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/json_members.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "reward/core/text.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

// Tests of programs may stand beside an answer.
constexpr size_t kMaxReferenceBytes = 64 << 20;
constexpr size_t kMaxAnswerBytes = 1 << 20;
constexpr size_t kMaxNums = 32;

// Whether the value is an integer that int64 holds.
bool IsInt64(const Json& value) {
  if (!value.is_number_integer()) return false;
  return !value.is_number_unsigned() ||
         value.get<uint64_t>() <=
             static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
}

}  // namespace

absl::Status UnusableReference(absl::string_view reference,
                               absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("unusable reference: expected ", expected, ", got \"",
                   Excerpt(reference), "\""));
}

absl::StatusOr<absl::string_view> ReferenceField(absl::string_view reference,
                                                 const char* name,
                                                 absl::string_view expected) {
  if (reference.size() > kMaxReferenceBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("unusable reference: ", reference.size(),
                     " bytes, at most ", kMaxReferenceBytes, " are read"));
  }
  const auto members = JsonMembers(reference);
  if (!members.has_value() ||
      !Json::accept(reference.begin(), reference.end())) {
    return UnusableReference(reference, expected);
  }
  const auto member =
      std::find_if(members->rbegin(), members->rend(),
                   [&](const JsonMember& m) { return m.name == name; });
  if (member != members->rend()) return member->value;
  return absl::InvalidArgumentError(
      absl::StrCat("unusable reference: needs the field \"", name, "\" of ",
                   expected, ", has only: ", JsonMemberNames(*members)));
}

absl::StatusOr<std::string> AnswerReference(absl::string_view json) {
  constexpr absl::string_view kExpected =
      "{\"answer\": a string that is not blank, or a number}";
  R1_ASSIGN_OR_RETURN(const absl::string_view spelled,
                      ReferenceField(json, "answer", kExpected));
  const Json answer = Json::parse(spelled.begin(), spelled.end());
  std::string text;
  if (answer.is_string()) {
    text = answer.get<std::string>();
  } else if (answer.is_number()) {
    text = std::string(spelled);
  }
  absl::StripTrailingAsciiWhitespace(&text);
  // But no form feed, which JSON makes of the start of \frac.
  text.erase(0, text.find_first_not_of(" \t\n\v\r"));
  if (text.empty()) return UnusableReference(json, kExpected);
  if (text.size() > kMaxAnswerBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("unusable reference: an answer of ", text.size(),
                     " bytes, at most ", kMaxAnswerBytes, " are read"));
  }
  return text;
}

absl::StatusOr<CountdownNumbers> CountdownReference(absl::string_view json) {
  constexpr absl::string_view kExpected =
      "{\"nums\": [1 to 32 integers, 0 or more], \"target\": an integer}";
  R1_ASSIGN_OR_RETURN(const absl::string_view nums_text,
                      ReferenceField(json, "nums", kExpected));
  R1_ASSIGN_OR_RETURN(const absl::string_view target_text,
                      ReferenceField(json, "target", kExpected));
  const Json nums = Json::parse(nums_text.begin(), nums_text.end());
  const Json target = Json::parse(target_text.begin(), target_text.end());
  if (!nums.is_array() || nums.empty() || nums.size() > kMaxNums ||
      !IsInt64(target)) {
    return UnusableReference(json, kExpected);
  }
  CountdownNumbers problem;
  problem.target = target.get<int64_t>();
  for (const Json& num : nums) {
    if (!IsInt64(num) || num.get<int64_t>() < 0) {
      return UnusableReference(json, kExpected);
    }
    problem.nums.push_back(num.get<int64_t>());
  }
  return problem;
}

}  // namespace r1

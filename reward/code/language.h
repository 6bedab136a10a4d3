#ifndef R1_REWARD_CODE_LANGUAGE_H_
#define R1_REWARD_CODE_LANGUAGE_H_

#include <initializer_list>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace r1 {

enum class ProgramLanguage { kPython, kCpp };

// "python" or "cpp". Errors: InvalidArgument.
inline absl::StatusOr<ProgramLanguage> ParseLanguage(absl::string_view name) {
  if (name == "python") return ProgramLanguage::kPython;
  if (name == "cpp") return ProgramLanguage::kCpp;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", name, "\" is no known language: expected python or cpp"));
}

// Whether a code block with this tag is marked as of the language.
inline bool IsTagOf(absl::string_view tag, ProgramLanguage language) {
  const auto begins_as = [tag](std::initializer_list<absl::string_view> names) {
    for (absl::string_view name : names) {
      if (!absl::StartsWithIgnoreCase(tag, name)) continue;
      // A version may follow: python3.11, c++17.
      return tag.find_first_not_of("0123456789.", name.size()) ==
             absl::string_view::npos;
    }
    return false;
  };
  return language == ProgramLanguage::kPython
             ? begins_as({"python", "pypy", "py"})
             : begins_as({"cpp", "c++", "cc", "cxx"});
}

}  // namespace r1

#endif  // R1_REWARD_CODE_LANGUAGE_H_

#ifndef R1_REWARD_CODE_LANGUAGE_H_
#define R1_REWARD_CODE_LANGUAGE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

}  // namespace r1

#endif  // R1_REWARD_CODE_LANGUAGE_H_

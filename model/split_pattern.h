// Split patterns of tokenizer.json are written for Oniguruma (Ruby syntax) and
// run here by PCRE2: the same text means different things in places.
#ifndef R1_MODEL_SPLIT_PATTERN_H_
#define R1_MODEL_SPLIT_PATTERN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// The pattern in PCRE2 syntax (for PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE)
// that matches what Oniguruma matches with `pattern`.
// Errors: Unimplemented for a construct whose meaning differs and has no
// translation here; InvalidArgument if the pattern ends inside one. Both name
// the byte. Other faults are left to PCRE2's compiler.
// Source: Oniguruma 6.9 doc/RE; pcre2pattern(3) of 10.42.
absl::StatusOr<std::string> TranslateSplitPattern(absl::string_view pattern);

}  // namespace r1

#endif  // R1_MODEL_SPLIT_PATTERN_H_

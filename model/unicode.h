// UTF-8, Unicode normalization and case for tokenizer and chat templates (the
// only user of utf8proc).
#ifndef R1_MODEL_UNICODE_H_
#define R1_MODEL_UNICODE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

// Bytes of the longest prefix that is valid UTF-8 (no surrogates, no overlong
// forms, at most U+10FFFF).
size_t ValidUtf8Prefix(absl::string_view text);

// Bytes of the longest prefix of which no byte belongs to a valid character.
size_t InvalidUtf8Prefix(absl::string_view text);

// The text in upper or lower case, character by character (U+00DF, which has no
// upper case of its own, gives "SS").
std::string ToUpper(absl::string_view text);
std::string ToLower(absl::string_view text);

// Normalization form C of the valid parts; invalid bytes stay.
std::string NormalizeNfc(absl::string_view text);

}  // namespace r1

#endif  // R1_MODEL_UNICODE_H_

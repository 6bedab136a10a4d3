// Well-formed UTF-8. Source: Unicode 15, table 3-7.
#ifndef R1_BASE_UTF8_H_
#define R1_BASE_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

// Length in bytes of the character at the front of `text`; 0 if the bytes are
// none: cut short, overlong, a surrogate, beyond U+10FFFF, or no text at all.
size_t Utf8CharacterLength(absl::string_view text);

// The character at the front of `text`, which is not empty, and its length in
// bytes. A byte that is no UTF-8 is U+FFFD of length 1.
int32_t FirstCodePoint(absl::string_view text, size_t* length);

// Appends the character, up to U+10FFFF. (A surrogate becomes three bytes that
// are no UTF-8.)
void AppendUtf8(uint32_t code_point, std::string* text);

bool IsUtf8(absl::string_view text);

// The text with every byte that is no part of valid UTF-8 replaced by U+FFFD.
// Protobuf strings refuse others, and a byte-level tokenizer can be cut inside
// a character. Linear time.
std::string ToValidUtf8(absl::string_view text);

}  // namespace r1

#endif  // R1_BASE_UTF8_H_

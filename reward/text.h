// Small helpers on bytes a model wrote.
#ifndef R1_REWARD_TEXT_H_
#define R1_REWARD_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

// The first bytes of `text` as printable ASCII on one line, other bytes
// escaped as in C, "..." where it was cut: safe in messages and terminals.
std::string Excerpt(absl::string_view text);

// The text with every byte that is no part of valid UTF-8 (overlong forms and
// surrogates included) replaced by U+FFFD. Protobuf strings refuse others, and
// a byte-level tokenizer can be cut inside a character. Linear time.
std::string ToValidUtf8(absl::string_view text);

bool IsValidUtf8(absl::string_view text);

}  // namespace r1

#endif  // R1_REWARD_TEXT_H_

// A model's bytes in messages.
#ifndef R1_REWARD_CORE_TEXT_H_
#define R1_REWARD_CORE_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

// The first bytes of `text` as printable ASCII on one line, other bytes
// escaped as in C, "..." where it was cut: safe in messages and terminals.
std::string Excerpt(absl::string_view text, size_t max_bytes = 48);

}  // namespace r1

#endif  // R1_REWARD_CORE_TEXT_H_

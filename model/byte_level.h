// GPT-2's spelling of bytes as printable characters, in which byte-level
// vocabularies are written: 'A' is "A", a space is "Ġ".
// Source: GPT-2 encoder.py, bytes_to_unicode.
#ifndef R1_MODEL_BYTE_LEVEL_H_
#define R1_MODEL_BYTE_LEVEL_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

std::string BytesToByteLevel(absl::string_view bytes);

// Nothing if a character of `text` spells no byte.
std::optional<std::string> ByteLevelToBytes(absl::string_view text);

}  // namespace r1

#endif  // R1_MODEL_BYTE_LEVEL_H_

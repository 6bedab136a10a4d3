// A tokenizer.json small enough to follow by hand.
#ifndef R1_TESTS_MODEL_SMALL_TOKENIZER_H_
#define R1_TESTS_MODEL_SMALL_TOKENIZER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "model/byte_level.h"
#include "nlohmann/json.hpp"

namespace r1 {

inline constexpr absl::string_view kSmallPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+)"
    R"(|\s+(?!\S)|\s+)";

// Byte b has id b; then "he" 256, "ll" 257, "hell" 258.
inline nlohmann::json SmallTokenizerJson() {
  nlohmann::json vocab;
  for (int b = 0; b < 256; ++b) {
    vocab[BytesToByteLevel(std::string(1, static_cast<char>(b)))] = b;
  }
  vocab["he"] = 256;
  vocab["ll"] = 257;
  vocab["hell"] = 258;
  return {{"version", "1.0"},
          {"added_tokens",
           {{{"id", 259}, {"content", "<|end|>"}, {"special", true}},
            {{"id", 260}, {"content", "<think>"}, {"special", false}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Split"},
               {"pattern", {{"Regex", std::string(kSmallPattern)}}},
               {"behavior", "Isolated"},
               {"invert", false}},
              {{"type", "ByteLevel"},
               {"add_prefix_space", false},
               {"use_regex", false}}}}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"},
            {"vocab", vocab},
            {"merges", {"h e", "l l", "he ll"}}}}};
}

}  // namespace r1

#endif  // R1_TESTS_MODEL_SMALL_TOKENIZER_H_

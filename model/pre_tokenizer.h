// Cuts text into the pieces that byte-pair merges never cross.
#ifndef R1_MODEL_PRE_TOKENIZER_H_
#define R1_MODEL_PRE_TOKENIZER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/tokenizer_split.h"
#include "nlohmann/json.hpp"

namespace r1 {

// GPT-2's pattern, which the ByteLevel pre-tokenizer carries inside.
inline constexpr absl::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+)"
    R"(|\s+(?!\S)|\s+)";

// One splitter after the other, each on the pieces of the one before.
// Threads: immutable.
class PreTokenizer {
 public:
  // "pre_tokenizer" of tokenizer.json: Split (isolated), Digits and ByteLevel,
  // alone or in a Sequence that ends with ByteLevel.
  // Errors: InvalidArgument, Unimplemented.
  static absl::StatusOr<PreTokenizer> FromJson(const nlohmann::json& json);

  // Appends the pieces of `text`, which together are `text`. A stretch of
  // invalid UTF-8 is one piece.
  void Split(absl::string_view text, RegexSplitter::Scratch* scratch,
             std::vector<absl::string_view>* pieces) const;

 private:
  absl::Status Add(const nlohmann::json& json, bool is_last);
  absl::Status AddSplit(const nlohmann::json& json);
  absl::Status AddPattern(absl::string_view pattern);
  void SplitValid(absl::string_view text, RegexSplitter::Scratch* scratch,
                  std::vector<absl::string_view>* pieces) const;

  std::vector<RegexSplitter> stages_;
};

}  // namespace r1

#endif  // R1_MODEL_PRE_TOKENIZER_H_

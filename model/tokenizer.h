// Byte-level BPE tokenizer: reads and writes Hugging Face tokenizer.json, and
// can be trained here.
#ifndef R1_MODEL_TOKENIZER_H_
#define R1_MODEL_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/marked_text.h"

namespace r1 {

class ChatTemplate;     // model/chat_template.h
struct TokenizerFiles;  // model/tokenizer_config.h

// Threads: immutable after construction; safe from any thread.
class Tokenizer {
 public:
  // Errors: InvalidArgument for malformed JSON or inconsistent tables,
  // Unimplemented for models other than byte-level BPE; both name the place.
  static absl::StatusOr<Tokenizer> FromJson(absl::string_view json);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // With the files beside tokenizer.json, which say what stands around a text
  // and how messages become one.
  static absl::StatusOr<Tokenizer> FromFiles(TokenizerFiles files);

  // tokenizer.json that Hugging Face `tokenizers` loads with the same ids.
  // For a tokenizer that was read, byte for byte what was read.
  std::string ToJson() const;

  // For a model with so many embeddings: added tokens beyond them are refused
  // where a text has them.
  // Errors: InvalidArgument if a token of the vocabulary itself lies beyond.
  absl::Status LimitIds(int64_t num_embeddings);

  // Token ids of UTF-8 (or any) bytes. Special tokens in the text are
  // recognised only if `allow_special`; of a MarkedText, wherever they have no
  // byte of its data. Text and data beside each other are cut into pieces as
  // one text. No token is added.
  // Errors: InvalidArgument for a byte that the vocabulary cannot spell (and
  // that has no unknown token to become), or an added token beyond the model's
  // embeddings; it names the byte of the text.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text,
                                              bool allow_special = false) const;
  absl::StatusOr<std::vector<int32_t>> Encode(const MarkedText& text) const;
  // The ids with the tokens around them that transformers' tokenizer(text)
  // adds: BOS, say. Texts of a chat template have theirs in them.
  // Errors: InvalidArgument if one lies beyond the model's embeddings.
  absl::StatusOr<std::vector<int32_t>> WithEnds(std::vector<int32_t> ids) const;
  // The bytes of the tokens; special tokens print as their text unless
  // `skip_special`. Decode(Encode(s)) == s for any bytes s, unless a byte
  // became the unknown token. Ids out of range decode to nothing.
  std::string Decode(absl::Span<const int32_t> ids,
                     bool skip_special = false) const;
  // The bytes of one token; empty for an id out of range.
  absl::string_view TokenBytes(int32_t id) const;

  // Largest id + 1.
  int64_t vocab_size() const;
  // -1 if there is no such special token.
  int32_t SpecialId(absl::string_view token) const;
  // NotFound if the folder has no chat template; otherwise errors of its parse.
  const absl::StatusOr<ChatTemplate>& chat_template() const;
  // The files it was read from.
  const TokenizerFiles& files() const;
  // SHA-256 of tokenizer.json and of what else decides about prompts (the chat
  // template, and what tokenizer_config.json changes): travels with
  // checkpoints.
  const std::string& hash() const;

 private:
  struct Impl;
  class Encoder;  // one call of Encode
  class Loader;   // one call of FromJson
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
  int64_t num_embeddings_ = INT64_MAX;
};

// The end-of-sequence token of tokenizers trained here; always id 0.
inline constexpr absl::string_view kEndOfText = "<|endoftext|>";

// Trains byte-level BPE on texts: id 0 is kEndOfText, then the 256 bytes, then
// merges by descending count, ties by the smaller pair of ids. Pre-split:
// GPT-2's pattern with numbers cut into single digits when `single_digits`,
// else into runs of at most three. A function of (texts, arguments).
// Errors: InvalidArgument if vocab_size < 257.
absl::StatusOr<Tokenizer> TrainTokenizer(absl::Span<const std::string> texts,
                                         int64_t vocab_size,
                                         bool single_digits);

}  // namespace r1

#endif  // R1_MODEL_TOKENIZER_H_

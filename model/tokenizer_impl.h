// The tables behind Tokenizer; private to its source files.
#ifndef R1_MODEL_TOKENIZER_IMPL_H_
#define R1_MODEL_TOKENIZER_IMPL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/added_tokens.h"
#include "model/bpe.h"
#include "model/chat_template.h"
#include "model/post_processor.h"
#include "model/pre_tokenizer.h"
#include "model/tokenizer.h"
#include "model/tokenizer_config.h"

namespace r1 {

struct Tokenizer::Impl {
  struct Token {
    std::string bytes;  // empty: no token has this id
    bool is_special = false;
    bool is_added = false;  // found in the text, not spelled out of bytes
  };

  std::vector<Token> tokens;  // by id
  absl::flat_hash_map<std::string, int32_t> special_ids;
  // Added tokens are cut out of the raw text, those marked "normalized" out of
  // the normalized text.
  AddedTokens raw_tokens, normalized_tokens;
  bool normalizes_nfc = false;
  PreTokenizer pre_tokenizer;
  // Pieces that are whole tokens are taken before any merge ("ignore_merges");
  // otherwise empty.
  absl::flat_hash_map<std::string, int32_t> whole_pieces;
  Bpe bpe{{}};
  bool lacks_bytes = false;  // and no unknown token stands for them
  AroundText around;
  absl::StatusOr<ChatTemplate> chat_template;
  TokenizerFiles files;
  std::string hash;
};

}  // namespace r1

#endif  // R1_MODEL_TOKENIZER_IMPL_H_

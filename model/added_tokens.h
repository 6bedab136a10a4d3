// Finds added tokens (special ones and others) in text.
#ifndef R1_MODEL_ADDED_TOKENS_H_
#define R1_MODEL_ADDED_TOKENS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/marked_text.h"

namespace r1 {

// A trie over the tokens' bytes.
// Threads: immutable once filled.
class AddedTokens {
 public:
  struct Match {
    size_t begin = 0;
    size_t size = 0;  // 0: no match
    int32_t id = -1;
  };

  // `content` is not empty. False if it is there already.
  bool Add(absl::string_view content, int32_t id, bool is_special);

  // The leftmost token at or after `from`, the longest of those that begin
  // there. Special tokens count only where no byte is in `data` (ascending and
  // apart, in bytes of `text`).
  Match Find(absl::string_view text, size_t from,
             absl::Span<const ByteRange> data) const;

  bool empty() const { return edges_.empty(); }

 private:
  struct Node {
    int32_t id = -1;  // of the token that ends here
    bool is_special = false;
  };

  static uint64_t Edge(size_t node, char byte) {
    return uint64_t{node} << 8 | static_cast<uint8_t>(byte);
  }

  std::vector<Node> nodes_ = {Node()};
  absl::flat_hash_map<uint64_t, uint32_t> edges_;
  std::array<bool, 256> is_first_byte_ = {};
};

}  // namespace r1

#endif  // R1_MODEL_ADDED_TOKENS_H_

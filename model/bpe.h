// Byte-pair merges: the ids of one piece of text.
// Source: Sennrich et al., "Neural Machine Translation of Rare Words with
// Subword Units" (2016); byte alphabet as in GPT-2.
#ifndef R1_MODEL_BPE_H_
#define R1_MODEL_BPE_H_

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace r1 {

inline constexpr int32_t kNoToken = -1;

// Threads: immutable once filled.
class Bpe {
 public:
  // byte_ids: of the tokens that are one byte; kNoToken where the vocabulary
  // lacks one.
  explicit Bpe(const std::array<int32_t, 256>& byte_ids)
      : byte_ids_(byte_ids) {}
  // Bytes without a token become `id`, a run of them one if `fuses`.
  void SetUnknown(int32_t id, bool fuses);

  // The next merge in order of rank: (left, right) becomes `result`. False if
  // the pair has a merge already.
  bool AddMerge(int32_t left, int32_t right, int32_t result);

  // Where the first byte without an id is; piece.size() if all have one.
  size_t FirstWithoutId(absl::string_view piece) const;

  // Appends the ids of `piece`, all of whose bytes have one (else their place
  // holds kNoToken): starting from its bytes, the pair of lowest
  // rank (the leftmost of equals) is merged until no pair has a merge.
  // Cost: O(n log n) for n bytes.
  void Encode(absl::string_view piece, std::vector<int32_t>* ids) const;

 private:
  struct Merge {
    int32_t rank;
    int32_t result;
  };

  // Calls `symbol` with the id of each byte, or of each fused run.
  template <typename Symbol>
  void ForEachSymbol(absl::string_view piece, const Symbol& symbol) const;

  static uint64_t Key(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 |
           static_cast<uint32_t>(right);
  }
  // The merge of a pair; rank kNoRank if there is none.
  Merge Find(int32_t left, int32_t right) const {
    const auto it = merges_.find(Key(left, right));
    return it == merges_.end() ? Merge{kNoRank, -1} : it->second;
  }
  void EncodeShort(absl::string_view piece, std::vector<int32_t>* ids) const;
  void EncodeLong(absl::string_view piece, std::vector<int32_t>* ids) const;

  static constexpr int32_t kNoRank = INT32_MAX;
  std::array<int32_t, 256> byte_ids_;
  // Bytes that share the id of the unknown token.
  std::array<bool, 256> is_unknown_ = {};
  bool fuses_unknown_ = false;
  absl::flat_hash_map<uint64_t, Merge> merges_;
};

}  // namespace r1

#endif  // R1_MODEL_BPE_H_

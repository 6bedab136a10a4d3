#include "model/bpe.h"

#include <algorithm>
#include <functional>
#include <queue>

namespace r1 {
namespace {

// Up to this length scanning for the best pair beats keeping a heap.
constexpr size_t kMaxShortBytes = 40;

}  // namespace

bool Bpe::AddMerge(int32_t left, int32_t right, int32_t result) {
  const int32_t rank = static_cast<int32_t>(merges_.size());
  return merges_.emplace(Key(left, right), Merge{rank, result}).second;
}

void Bpe::SetUnknown(int32_t id, bool fuses) {
  for (int byte = 0; byte < 256; ++byte) {
    if (byte_ids_[byte] != kNoToken) continue;
    byte_ids_[byte] = id;
    is_unknown_[byte] = true;
  }
  fuses_unknown_ = fuses;
}

size_t Bpe::FirstWithoutId(absl::string_view piece) const {
  size_t i = 0;
  while (i < piece.size() &&
         byte_ids_[static_cast<uint8_t>(piece[i])] != kNoToken) {
    ++i;
  }
  return i;
}

template <typename Symbol>
void Bpe::ForEachSymbol(absl::string_view piece, const Symbol& symbol) const {
  bool is_run = false;  // of fused bytes
  for (char c : piece) {
    const uint8_t byte = static_cast<uint8_t>(c);
    const bool is_fused = fuses_unknown_ && is_unknown_[byte];
    if (!is_fused || !is_run) symbol(byte_ids_[byte]);
    is_run = is_fused;
  }
}

void Bpe::Encode(absl::string_view piece, std::vector<int32_t>* ids) const {
  if (piece.size() <= kMaxShortBytes) {
    EncodeShort(piece, ids);
  } else {
    EncodeLong(piece, ids);
  }
}

void Bpe::EncodeShort(absl::string_view piece,
                      std::vector<int32_t>* ids) const {
  int32_t symbols[kMaxShortBytes];
  Merge merges[kMaxShortBytes];  // of symbols i and i + 1
  int n = 0;
  ForEachSymbol(piece, [&](int32_t id) { symbols[n++] = id; });
  for (int i = 0; i + 1 < n; ++i) merges[i] = Find(symbols[i], symbols[i + 1]);
  while (n > 1) {
    const Merge* best = std::min_element(
        merges, merges + n - 1,
        [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
    if (best->rank == kNoRank) break;
    const int at = static_cast<int>(best - merges);
    symbols[at] = best->result;
    std::copy(symbols + at + 2, symbols + n, symbols + at + 1);
    if (at + 2 < n) std::copy(merges + at + 2, merges + n - 1, merges + at + 1);
    --n;
    if (at > 0) merges[at - 1] = Find(symbols[at - 1], symbols[at]);
    if (at + 1 < n) merges[at] = Find(symbols[at], symbols[at + 1]);
  }
  ids->insert(ids->end(), symbols, symbols + n);
}

void Bpe::EncodeLong(absl::string_view piece, std::vector<int32_t>* ids) const {
  // A linked list of symbols over the byte positions; a symbol lives where its
  // first byte was. merge[i] is the merge of symbol i with the one after it.
  struct Symbol {
    int32_t id;
    int64_t previous, next;
    Merge merge;
  };
  std::vector<Symbol> symbols;
  symbols.reserve(piece.size());
  ForEachSymbol(piece, [&](int32_t id) {
    const int64_t i = static_cast<int64_t>(symbols.size());
    symbols.push_back({id, i - 1, i + 1, {}});
  });
  const int64_t n = static_cast<int64_t>(symbols.size());
  using Candidate = std::pair<int32_t, int64_t>;  // rank, position
  std::priority_queue<Candidate, std::vector<Candidate>,
                      std::greater<Candidate>>
      heap;
  const auto refresh = [&](int64_t i) {
    Symbol& symbol = symbols[i];
    symbol.merge = symbol.next < n ? Find(symbol.id, symbols[symbol.next].id)
                                   : Merge{kNoRank, -1};
    if (symbol.merge.rank != kNoRank) heap.push({symbol.merge.rank, i});
  };
  for (int64_t i = 0; i < n; ++i) refresh(i);
  while (!heap.empty()) {
    const auto [rank, at] = heap.top();
    heap.pop();
    Symbol& left = symbols[at];
    // Out of date: the pair has changed since, or the symbol is gone.
    if (left.merge.rank != rank) continue;
    Symbol& right = symbols[left.next];
    left.id = left.merge.result;
    left.next = right.next;
    right.merge.rank = kNoRank;
    if (left.next < n) symbols[left.next].previous = at;
    refresh(at);
    if (left.previous >= 0) refresh(left.previous);
  }
  for (int64_t i = 0; i < n; i = symbols[i].next) ids->push_back(symbols[i].id);
}

}  // namespace r1

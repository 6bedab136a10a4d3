#include "model/added_tokens.h"

#include <algorithm>

namespace r1 {

bool AddedTokens::Add(absl::string_view content, int32_t id, bool is_special) {
  is_first_byte_[static_cast<uint8_t>(content[0])] = true;
  size_t node = 0;
  for (char byte : content) {
    const auto [it, is_new] =
        edges_.emplace(Edge(node, byte), static_cast<uint32_t>(nodes_.size()));
    if (is_new) nodes_.emplace_back();
    node = it->second;
  }
  if (nodes_[node].id >= 0) return false;
  nodes_[node] = {id, is_special};
  return true;
}

namespace {

bool Touches(absl::Span<const ByteRange> data, size_t begin, size_t end) {
  const auto next =
      std::partition_point(data.begin(), data.end(),
                           [&](const ByteRange& r) { return r.end <= begin; });
  return next != data.end() && next->begin < end;
}

}  // namespace

AddedTokens::Match AddedTokens::Find(absl::string_view text, size_t from,
                                     absl::Span<const ByteRange> data) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!is_first_byte_[static_cast<uint8_t>(text[begin])]) continue;
    Match match;
    size_t node = 0;
    for (size_t i = begin; i < text.size(); ++i) {
      const auto it = edges_.find(Edge(node, text[i]));
      if (it == edges_.end()) break;
      node = it->second;
      const Node& reached = nodes_[node];
      if (reached.id >= 0 &&
          (!reached.is_special || !Touches(data, begin, i + 1))) {
        match = {begin, i + 1 - begin, reached.id};
      }
    }
    if (match.size > 0) return match;
  }
  return Match();
}

}  // namespace r1

// Text of which stretches come from data: a row's question, say, inside a
// template. Special tokens are recognised outside those stretches only.
#ifndef R1_MODEL_MARKED_TEXT_H_
#define R1_MODEL_MARKED_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace r1 {

// Bytes [begin, end) of a text.
struct ByteRange {
  size_t begin, end;

  friend bool operator==(const ByteRange& a, const ByteRange& b) {
    return a.begin == b.begin && a.end == b.end;
  }
};

struct MarkedText {
  std::string text;
  std::vector<ByteRange> data;  // ascending, apart, none empty

  void AppendOwn(absl::string_view own) { text.append(own.data(), own.size()); }
  void AppendData(absl::string_view from_data) {
    if (from_data.empty()) return;
    const size_t begin = text.size();
    text.append(from_data.data(), from_data.size());
    if (!data.empty() && data.back().end == begin) {
      data.back().end = text.size();
    } else {
      data.push_back({begin, text.size()});
    }
  }
};

}  // namespace r1

#endif  // R1_MODEL_MARKED_TEXT_H_

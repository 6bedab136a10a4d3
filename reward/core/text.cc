#include "reward/core/text.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace r1 {

std::string Excerpt(absl::string_view text, size_t max_bytes) {
  return absl::StrCat(absl::CHexEscape(text.substr(0, max_bytes)),
                      text.size() > max_bytes ? "..." : "");
}

}  // namespace r1

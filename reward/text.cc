#include "reward/text.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace r1 {
namespace {

constexpr size_t kExcerptBytes = 48;

}  // namespace

std::string Excerpt(absl::string_view text) {
  return absl::StrCat(absl::CHexEscape(text.substr(0, kExcerptBytes)),
                      text.size() > kExcerptBytes ? "..." : "");
}

}  // namespace r1

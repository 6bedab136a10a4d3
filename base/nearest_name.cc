#include "base/nearest_name.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace r1 {
namespace {

constexpr size_t kMaxNames = 3;
constexpr size_t kShortestPrefix = 3;

std::string Normalize(absl::string_view name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"-", "_"}});
}

}  // namespace

int NameDistance(absl::string_view a_raw, absl::string_view b_raw) {
  const std::string a = Normalize(a_raw), b = Normalize(b_raw);
  if (a == b) return 0;
  if (a.size() >= kShortestPrefix && absl::StartsWith(b, a)) return 1;
  // rows[i % 3][j]: distance between the first i bytes of a and j bytes of b.
  std::vector<int> rows[3];
  for (auto& row : rows) row.resize(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    const auto& above = rows[(i - 1) % 3];
    const auto& above2 = rows[(i + 1) % 3];
    auto& row = rows[i % 3];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], above2[j - 2] + 1);
      }
    }
  }
  return rows[a.size() % 3][b.size()];
}

int TypoLimit(absl::string_view given) {
  return std::max(1, static_cast<int>(given.size()) / 3);
}

std::vector<std::string> NearestNames(absl::string_view given,
                                      absl::Span<const std::string> known) {
  std::vector<std::string> nearest;
  int best = TypoLimit(given);
  for (const std::string& name : known) {
    const int distance = NameDistance(given, name);
    if (distance > best) continue;
    if (distance < best) nearest.clear();
    best = distance;
    if (nearest.size() < kMaxNames) nearest.push_back(name);
  }
  return nearest;
}

std::string DidYouMean(absl::Span<const std::string> names) {
  if (names.empty()) return "";
  std::string text = "; did you mean ";
  for (size_t i = 0; i < names.size(); ++i) {
    const bool is_last = i + 1 == names.size();
    const absl::string_view separator = i == 0 ? "" : is_last ? " or " : ", ";
    absl::StrAppend(&text, separator, "\"", names[i], "\"");
  }
  return text + "?";
}

}  // namespace r1

#include "proto/config_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace r1 {

void ConfigReport::SetOrigin(const std::string& path, std::string where) {
  origins_[path] = {std::move(where), next_order_++};
}

void ConfigReport::Add(int line, absl::string_view where,
                       absl::string_view path, absl::string_view what) {
  for (const Mistake& m : mistakes_) {
    if (m.line == line && m.where == where && m.path == path &&
        m.what == what) {
      return;
    }
  }
  mistakes_.push_back(
      {line, std::string(where), std::string(path), std::string(what)});
  mistaken_paths_.emplace(path);
}

std::string ConfigReport::TextOf(const Mistake& mistake) const {
  std::string path = mistake.path;
  for (const auto& [prefix, shorter] : short_paths_) {
    if (!absl::StartsWith(path, prefix)) continue;
    path.replace(0, prefix.size(), shorter);
    break;
  }
  std::string text;
  if (!mistake.where.empty()) absl::StrAppend(&text, mistake.where, ": ");
  if (!path.empty()) absl::StrAppend(&text, path, ": ");
  return absl::StrCat(text, mistake.what);
}

void ConfigReport::AddRule(absl::Span<const absl::string_view> paths,
                           absl::string_view what) {
  absl::string_view place = paths[0];
  std::string where = source_;
  int order = -1;
  for (absl::string_view path : paths) {
    if (HasMistakeAt(path)) return;
    const auto origin = origins_.find(path);
    if (origin == origins_.end() || origin->second.order < order) continue;
    place = path;
    where = origin->second.where;
    order = origin->second.order;
  }
  Add(kRuleLine, where, place, what);
}

bool ConfigReport::HasMistakeAt(absl::string_view path) const {
  for (auto it = mistaken_paths_.lower_bound(path);
       it != mistaken_paths_.end() && absl::StartsWith(*it, path); ++it) {
    if (it->size() == path.size()) return true;
    const char next = (*it)[path.size()];
    if (next == '.' || next == '[') return true;
  }
  return false;
}

absl::Status ConfigReport::ToStatus() const {
  constexpr size_t kMaxLines = 50;
  if (mistakes_.empty()) return absl::OkStatus();
  std::vector<Mistake> sorted = mistakes_;
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [](const Mistake& a, const Mistake& b) { return a.line < b.line; });
  std::vector<std::string> lines;
  for (const Mistake& mistake : sorted) {
    if (lines.size() == kMaxLines) {
      lines.push_back(absl::StrCat("... and ", sorted.size() - kMaxLines,
                                   " more mistakes"));
      break;
    }
    lines.push_back(TextOf(mistake));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

}  // namespace r1

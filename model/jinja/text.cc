#include "model/jinja/text.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "model/unicode.h"

namespace r1::jinja {

Text Text::Own(absl::string_view bytes) {
  return {std::string(bytes), std::string(bytes.size(), '\0')};
}

Text Text::From(const MarkedText& text) {
  Text result = Own(text.text);
  for (const ByteRange& range : text.data) {
    std::fill(result.marks.begin() + range.begin,
              result.marks.begin() + range.end, '\1');
  }
  return result;
}

MarkedText Text::ToMarked() const {
  MarkedText result;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t end = std::min(
        marks.find(marks[begin] == '\0' ? '\1' : '\0', begin), bytes.size());
    const absl::string_view part(bytes.data() + begin, end - begin);
    marks[begin] == '\0' ? result.AppendOwn(part) : result.AppendData(part);
    begin = end;
  }
  return result;
}

Text Text::Sub(size_t begin, size_t count) const {
  return {bytes.substr(begin, count), marks.substr(begin, count)};
}

void Text::Append(const Text& other) {
  bytes += other.bytes;
  marks += other.marks;
}

void Text::AppendFor(absl::string_view added, const Text& source) {
  const bool is_data = source.marks.find('\1') != std::string::npos;
  bytes.append(added.data(), added.size());
  marks.append(added.size(), is_data ? '\1' : '\0');
}

std::vector<absl::string_view> Characters(absl::string_view text) {
  std::vector<absl::string_view> characters;
  while (!text.empty()) {
    const size_t size = std::max<size_t>(Utf8CharacterLength(text), 1);
    characters.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return characters;
}

size_t CountCharacters(absl::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xC0) != 0x80; });
}

bool IsSpace(absl::string_view character) {
  if (character.size() == 1) {
    const char c = character[0];
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F);
  }
  for (absl::string_view space :
       {"\u0085", "\u00A0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
        "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200A",
        "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"}) {
    if (character == space) return true;
  }
  return false;
}

Text Strip(const Text& text, Ends ends, const absl::string_view* characters) {
  const std::vector<absl::string_view> all = Characters(text.bytes);
  const std::vector<absl::string_view> stripped =
      characters == nullptr ? std::vector<absl::string_view>()
                            : Characters(*characters);
  const auto goes = [&](absl::string_view c) {
    return characters == nullptr ? IsSpace(c)
                                 : std::find(stripped.begin(), stripped.end(),
                                             c) != stripped.end();
  };
  size_t begin = 0, end = text.bytes.size();
  if (ends != Ends::kRight) {
    for (size_t i = 0; i < all.size() && goes(all[i]); ++i) {
      begin += all[i].size();
    }
  }
  if (ends != Ends::kLeft) {
    for (size_t i = all.size(); i > 0 && end > begin && goes(all[i - 1]); --i) {
      end -= all[i - 1].size();
    }
  }
  return text.Sub(begin, end - begin);
}

namespace {

// The text between `cuts`, byte ranges in order; all of it if there are none.
std::vector<Text> Between(const Text& text,
                          const std::vector<ByteRange>& cuts) {
  std::vector<Text> parts;
  size_t begin = 0;
  for (const ByteRange& cut : cuts) {
    parts.push_back(text.Sub(begin, cut.begin - begin));
    begin = cut.end;
  }
  parts.push_back(text.Sub(begin));
  return parts;
}

}  // namespace

std::vector<Text> SplitAt(const Text& text, absl::string_view separator,
                          int64_t limit, bool from_right) {
  std::vector<ByteRange> cuts;
  const absl::string_view bytes = text.bytes;
  const auto more = [&] {
    return limit < 0 || static_cast<int64_t>(cuts.size()) < limit;
  };
  if (!from_right) {
    for (size_t at = 0; more();) {
      at = bytes.find(separator, at);
      if (at == absl::string_view::npos) break;
      cuts.push_back({at, at + separator.size()});
      at += separator.size();
    }
    return Between(text, cuts);
  }
  for (size_t end = bytes.size(); more() && end >= separator.size();) {
    const size_t at = bytes.substr(0, end).rfind(separator);
    if (at == absl::string_view::npos) break;
    cuts.push_back({at, at + separator.size()});
    end = at;
  }
  std::reverse(cuts.begin(), cuts.end());
  return Between(text, cuts);
}

std::vector<Text> SplitAtSpace(const Text& text, int64_t limit,
                               bool from_right) {
  // Runs of white space, the ones at the ends as well.
  std::vector<ByteRange> cuts;
  size_t at = 0;
  for (absl::string_view c : Characters(text.bytes)) {
    if (IsSpace(c)) {
      if (cuts.empty() || cuts.back().end != at) cuts.push_back({at, at});
      cuts.back().end += c.size();
    }
    at += c.size();
  }
  size_t begin = 0, end = text.bytes.size();
  if (!cuts.empty() && cuts.front().begin == 0) {
    begin = cuts.front().end;
    cuts.erase(cuts.begin());
  }
  if (!cuts.empty() && cuts.back().end == end) {
    end = cuts.back().begin;
    cuts.pop_back();
  }
  if (begin >= end) return {};
  const bool is_limited =
      limit >= 0 && static_cast<int64_t>(cuts.size()) > limit;
  if (is_limited && from_right) cuts.erase(cuts.begin(), cuts.end() - limit);
  if (is_limited && !from_right) cuts.resize(limit);
  // Python keeps the white space of the end that is not cut any more.
  if (is_limited && from_right) begin = 0;
  if (is_limited && !from_right) end = text.bytes.size();
  for (ByteRange& cut : cuts) cut = {cut.begin - begin, cut.end - begin};
  return Between(text.Sub(begin, end - begin), cuts);
}

std::vector<Text> SplitLines(const Text& text) {
  std::vector<Text> lines;
  size_t begin = 0, at = 0;
  const std::vector<absl::string_view> all = Characters(text.bytes);
  for (size_t i = 0; i < all.size(); ++i) {
    const absl::string_view c = all[i];
    const bool is_end = (c.size() == 1 && ((c[0] >= '\n' && c[0] <= '\r') ||
                                           (c[0] >= 0x1C && c[0] <= 0x1E))) ||
                        c == "\u0085" || c == "\u2028" || c == "\u2029";
    const size_t end = at;
    at += c.size();
    if (!is_end) continue;
    lines.push_back(text.Sub(begin, end - begin));
    if (c == "\r" && i + 1 < all.size() && all[i + 1] == "\n") {
      ++i;
      ++at;
    }
    begin = at;
  }
  if (begin < text.bytes.size()) lines.push_back(text.Sub(begin));
  return lines;
}

Text Replace(const Text& text, absl::string_view from, const Text& to,
             int64_t limit) {
  Text result;
  if (from.empty()) {  // before every character and at the end
    size_t at = 0;
    int64_t count = 0;
    for (absl::string_view c : Characters(text.bytes)) {
      if (limit < 0 || count++ < limit) result.Append(to);
      result.Append(text.Sub(at, c.size()));
      at += c.size();
    }
    if (limit < 0 || count < limit) result.Append(to);
    return result;
  }
  const std::vector<Text> parts = SplitAt(text, from, limit, false);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) result.Append(to);
    result.Append(parts[i]);
  }
  return result;
}

Text ChangeCase(const Text& text, Case to) {
  Text result;
  size_t at = 0;
  bool is_inside = false;  // of a word
  for (absl::string_view c : Characters(text.bytes)) {
    const std::string lower = ToLower(c), upper = ToUpper(c);
    const bool is_upper = to == Case::kUpper ||
                          (to == Case::kTitle && !is_inside) ||
                          (to == Case::kCapitalize && at == 0);
    result.AppendFor(is_upper ? upper : lower, text.Sub(at, c.size()));
    is_inside = lower != upper;
    at += c.size();
  }
  return result;
}

}  // namespace r1::jinja

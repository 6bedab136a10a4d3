#include "proto/config_text.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/utf8.h"

namespace r1 {

// --- What is wrong

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

// --- Parsing

namespace {

using ::google::protobuf::io::ArrayInputStream;
using ::google::protobuf::io::Tokenizer;

// The schema is 3 deep. The bound keeps hostile nesting off the stack.
constexpr int kMaxDepth = 16;
constexpr size_t kMaxQuotedBytes = 60;

class TokenErrors : public google::protobuf::io::ErrorCollector {
 public:
  explicit TokenErrors(std::vector<TextError>* errors) : errors_(errors) {}
  void AddError(int line, int /*column*/, const std::string& what) override {
    errors_->push_back({line + 1, "", absl::StrCat("syntax: ", what)});
  }

 private:
  std::vector<TextError>* errors_;
};

class Parser {
 public:
  Parser(absl::string_view text, std::vector<TextError>* errors)
      : errors_(errors),
        token_errors_(errors),
        input_(text.data(), static_cast<int>(text.size())),
        tokenizer_(&input_, &token_errors_) {
    tokenizer_.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
    tokenizer_.set_allow_f_after_float(true);
    tokenizer_.Next();
  }

  std::vector<TextField> ParseFile() {
    std::vector<TextField> fields;
    while (!AtEnd()) {
      if (AtSectionEnd()) {
        Fail("", "a key");
        tokenizer_.Next();
        continue;
      }
      ParseField("", 0, &fields);
    }
    return fields;
  }

  TextValue ParseOnlyValue() {
    TextValue value;
    if (ParseValue("", 0, &value) && !AtEnd()) Fail("", "nothing more");
    return value;
  }

 private:
  bool AtEnd() { return tokenizer_.current().type == Tokenizer::TYPE_END; }
  int Line() { return tokenizer_.current().line + 1; }
  bool LooksLike(const char* symbol) {
    return tokenizer_.current().type == Tokenizer::TYPE_SYMBOL &&
           tokenizer_.current().text == symbol;
  }
  bool AtSectionEnd() { return LooksLike("}") || LooksLike(">"); }
  bool TryConsume(const char* symbol) {
    if (!LooksLike(symbol)) return false;
    tokenizer_.Next();
    return true;
  }
  void ConsumeSeparator() {
    if (!TryConsume(",")) TryConsume(";");
  }

  bool Fail(absl::string_view path, absl::string_view expected) {
    const std::string got =
        AtEnd() ? "the end" : QuoteForMessage(tokenizer_.current().text);
    errors_->push_back(
        {Line(), std::string(path),
         absl::StrCat("syntax: expected ", expected, ", got ", got)});
    return false;
  }

  // Skips to the next line, or past the braces opened on this one, or to the
  // bracket that closes the current section.
  void Recover() {
    const int line = Line();
    int depth = 0;
    while (!AtEnd() && (depth > 0 || Line() == line)) {
      if (depth == 0 && AtSectionEnd()) return;
      if (LooksLike("{")) ++depth;
      if (LooksLike("}")) --depth;
      tokenizer_.Next();
    }
  }

  void ParseField(const std::string& path, int depth,
                  std::vector<TextField>* fields) {
    TextField field;
    field.line = Line();
    if (tokenizer_.current().type != Tokenizer::TYPE_IDENTIFIER) {
      Fail(path, "a key");
      return Recover();
    }
    field.key = tokenizer_.current().text;
    const std::string field_path = JoinPath(path, field.key);
    tokenizer_.Next();
    const bool has_colon = TryConsume(":");
    if (!has_colon && !LooksLike("{") && !LooksLike("<")) {
      Fail(field_path, "\":\" and a value, or \"{\"");
      return Recover();
    }
    if (!ParseValue(field_path, depth, &field.value)) return Recover();
    ConsumeSeparator();
    fields->push_back(std::move(field));
  }

  bool ParseValue(const std::string& path, int depth, TextValue* value) {
    value->line = Line();
    if (LooksLike("{")) return ParseSection(path, "}", depth, value);
    if (LooksLike("<")) return ParseSection(path, ">", depth, value);
    if (LooksLike("[")) return ParseList(path, depth, value);
    if (tokenizer_.current().type == Tokenizer::TYPE_STRING) {
      return ParseStrings(value);
    }
    value->is_negative = TryConsume("-");
    switch (tokenizer_.current().type) {
      case Tokenizer::TYPE_INTEGER:
        value->kind = TextValue::Kind::kInteger;
        break;
      case Tokenizer::TYPE_FLOAT:
        value->kind = TextValue::Kind::kFloat;
        break;
      case Tokenizer::TYPE_IDENTIFIER:
        value->kind = TextValue::Kind::kWord;
        break;
      default:
        return Fail(path, "a value");
    }
    value->text = tokenizer_.current().text;
    tokenizer_.Next();
    return true;
  }

  bool ParseStrings(TextValue* value) {
    value->kind = TextValue::Kind::kString;
    while (tokenizer_.current().type == Tokenizer::TYPE_STRING) {
      Tokenizer::ParseStringAppend(tokenizer_.current().text, &value->text);
      tokenizer_.Next();
    }
    return true;
  }

  bool ParseSection(const std::string& path, const char* close, int depth,
                    TextValue* value) {
    value->kind = TextValue::Kind::kSection;
    if (depth >= kMaxDepth) return Fail(path, "less nesting");
    tokenizer_.Next();
    while (!AtSectionEnd()) {
      if (AtEnd()) return FailUnclosed(path, close, value->line);
      ParseField(path, depth + 1, &value->fields);
    }
    if (TryConsume(close)) return true;
    return Fail(path, absl::StrCat("\"", close, "\""));
  }

  bool ParseList(const std::string& path, int depth, TextValue* value) {
    value->kind = TextValue::Kind::kList;
    if (depth >= kMaxDepth) return Fail(path, "less nesting");
    tokenizer_.Next();
    if (TryConsume("]")) return true;
    do {
      if (AtEnd()) return FailUnclosed(path, "]", value->line);
      value->items.emplace_back();
      if (LooksLike("[")) return Fail(path, "no list inside a list");
      if (!ParseValue(path, depth + 1, &value->items.back())) return false;
    } while (TryConsume(","));
    if (TryConsume("]")) return true;
    return Fail(path, "\",\" or \"]\"");
  }

  bool FailUnclosed(absl::string_view path, const char* close, int line) {
    return Fail(path,
                absl::StrCat("\"", close, "\" for the bracket of line ", line));
  }

  std::vector<TextError>* errors_;
  TokenErrors token_errors_;
  ArrayInputStream input_;
  Tokenizer tokenizer_;
};

}  // namespace

std::vector<TextField> ParseTextFields(absl::string_view text,
                                       std::vector<TextError>* errors) {
  return Parser(text, errors).ParseFile();
}

TextValue ParseTextValue(absl::string_view text,
                         std::vector<TextError>* errors) {
  return Parser(text, errors).ParseOnlyValue();
}

std::string JoinPath(absl::string_view path, absl::string_view key) {
  if (path.empty()) return std::string(key);
  return key.empty() ? std::string(path) : absl::StrCat(path, ".", key);
}

std::string QuoteForMessage(absl::string_view text) {
  const bool is_long = text.size() > kMaxQuotedBytes;
  const absl::string_view shown = text.substr(0, kMaxQuotedBytes);
  return absl::StrCat(
      "\"", IsUtf8(shown) ? absl::Utf8SafeCEscape(shown) : absl::CEscape(shown),
      is_long ? "...\"" : "\"");
}

std::string DescribeValue(const TextValue& value) {
  switch (value.kind) {
    case TextValue::Kind::kSection:
      return "a section {...}";
    case TextValue::Kind::kList:
      return "a list [...]";
    case TextValue::Kind::kString:
      return QuoteForMessage(value.text);
    default:
      return absl::StrCat(value.is_negative ? "-" : "",
                          value.text.substr(0, kMaxQuotedBytes));
  }
}

}  // namespace r1

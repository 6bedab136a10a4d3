#include "model/jinja/print.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/utf8.h"

namespace r1::jinja {
namespace {

uint32_t CodePoint(absl::string_view character) {
  const auto byte = [&](size_t i) {
    return static_cast<uint8_t>(character[i]);
  };
  if (character.size() == 1) return byte(0);
  uint32_t code = byte(0) & (0xFF >> (character.size() + 1));
  for (size_t i = 1; i < character.size(); ++i) {
    code = code << 6 | (byte(i) & 0x3F);
  }
  return code;
}

// Appends characters of `text`, each as `escape` has it (empty: as it is).
template <typename Escape>
void AppendEscaped(const Text& text, const Escape& escape, Text* out) {
  size_t at = 0;
  for (absl::string_view c : Characters(text.bytes)) {
    const Text source = text.Sub(at, c.size());
    const std::string escaped = escape(c);
    escaped.empty() ? out->Append(source) : out->AppendFor(escaped, source);
    at += c.size();
  }
}

void AppendRepr(const Text& text, Text* out) {
  const absl::string_view bytes = text.bytes;
  const bool has_single = bytes.find('\'') != absl::string_view::npos;
  const bool has_double = bytes.find('"') != absl::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  out->Append(Text::Own(std::string(1, quote)));
  AppendEscaped(
      text,
      [quote](absl::string_view c) -> std::string {
        if (c == "\\" || (c.size() == 1 && c[0] == quote)) {
          return absl::StrCat("\\", c);
        }
        if (c == "\n") return "\\n";
        if (c == "\r") return "\\r";
        if (c == "\t") return "\\t";
        const uint32_t code = CodePoint(c);
        if (code < 0x20 || (code >= 0x7F && code <= 0xA0) || code == 0xAD) {
          return absl::StrFormat("\\x%02x", code);
        }
        if ((code >= 0x2000 && code <= 0x200F) ||
            (code >= 0x2028 && code <= 0x202F) || code == 0x3000 ||
            code == 0xFEFF) {
          return absl::StrFormat("\\u%04x", code);
        }
        return "";
      },
      out);
  out->Append(Text::Own(std::string(1, quote)));
}

void AppendJsonText(const Text& text, bool is_ascii, Text* out) {
  out->Append(Text::Own("\""));
  AppendEscaped(
      text,
      [is_ascii](absl::string_view c) -> std::string {
        if (c == "\"" || c == "\\") return absl::StrCat("\\", c);
        if (c == "\n") return "\\n";
        if (c == "\r") return "\\r";
        if (c == "\t") return "\\t";
        if (c == "\b") return "\\b";
        if (c == "\f") return "\\f";
        const uint32_t code = CodePoint(c);
        if (code < 0x20 ||
            (is_ascii && code >= 0x7F && code < 0x10000 && code != 0x7F)) {
          return absl::StrFormat("\\u%04x", code);
        }
        if (is_ascii && code >= 0x10000) {
          return absl::StrFormat("\\u%04x\\u%04x",
                                 0xD800 + ((code - 0x10000) >> 10),
                                 0xDC00 + ((code - 0x10000) & 0x3FF));
        }
        return "";
      },
      out);
  out->Append(Text::Own("\""));
}

// Walks values; containers deeper than kMaxDepth, and so cycles, fail.
class Printer {
 public:
  explicit Printer(Machine* machine) : machine_(machine) {}

  void Repr(const Value& value, int depth) {
    if (!Enter(depth)) return;
    if (IsText(value)) return AppendRepr(TextOf(value), &out_);
    if (Is<List*>(value)) {
      const List& list = *std::get<List*>(value);
      Own(list.is_tuple ? "(" : "[");
      for (size_t i = 0; i < list.items.size(); ++i) {
        if (i > 0) Own(", ");
        Repr(list.items[i], depth + 1);
      }
      if (list.is_tuple && list.items.size() == 1) Own(",");
      return Own(list.is_tuple ? ")" : "]");
    }
    if (Is<Dict*>(value)) {
      const Dict& dict = *std::get<Dict*>(value);
      Own("{");
      for (size_t i = 0; i < dict.items.size(); ++i) {
        if (i > 0) Own(", ");
        Repr(dict.items[i].first, depth + 1);
        Own(": ");
        Repr(dict.items[i].second, depth + 1);
      }
      return Own("}");
    }
    if (Is<Undefined>(value)) return Own("Undefined");
    Scalar(value);
  }

  void Json(const Value& value, const JsonStyle& style, int depth) {
    if (!Enter(depth)) return;
    if (IsText(value)) {
      return AppendJsonText(TextOf(value), style.is_ascii, &out_);
    }
    if (Is<List*>(value)) {
      const List& list = *std::get<List*>(value);
      if (list.items.empty()) return Own("[]");
      Own("[");
      for (size_t i = 0; i < list.items.size(); ++i) {
        Separate(i, style, depth + 1);
        Json(list.items[i], style, depth + 1);
      }
      NewLine(style, depth);
      return Own("]");
    }
    if (Is<Dict*>(value)) return JsonDict(value, style, depth);
    if (Is<None>(value)) return Own("null");
    if (Is<bool>(value)) return Own(std::get<bool>(value) ? "true" : "false");
    if (Is<double>(value)) return Own(JsonFloat(std::get<double>(value)));
    if (Is<int64_t>(value)) return Scalar(value);
    machine_->Fail(absl::StrCat("a value of type ", TypeName(value),
                                " cannot be written as JSON"));
  }

  // Scalars that are not text.
  void Scalar(const Value& value) {
    if (Is<None>(value)) return Own("None");
    if (Is<bool>(value)) return Own(std::get<bool>(value) ? "True" : "False");
    if (Is<int64_t>(value)) return Own(absl::StrCat(std::get<int64_t>(value)));
    if (Is<double>(value)) return Own(FloatText(std::get<double>(value)));
    machine_->Fail(absl::StrCat("a value of type ", TypeName(value),
                                " cannot be printed"));
  }

  Text Take() { return std::move(out_); }

 private:
  bool Enter(int depth) {
    machine_->Charge();
    if (depth > kMaxDepth) {
      machine_->Fail(absl::StrCat("a value is nested deeper than ", kMaxDepth));
    }
    if (out_.bytes.size() > kMaxOutputBytes) {
      machine_->Fail(
          absl::StrCat("a text grows beyond ", kMaxOutputBytes, " bytes"));
    }
    return !machine_->failed();
  }

  void Own(absl::string_view text) { out_.Append(Text::Own(text)); }

  void NewLine(const JsonStyle& style, int depth) {
    if (!style.has_indent) return;
    std::string line = "\n";
    for (int i = 0; i < depth; ++i) line += style.indent;
    Own(line);
  }

  void Separate(size_t index, const JsonStyle& style, int depth) {
    if (index > 0) out_.Append(style.item_separator);
    NewLine(style, depth);
  }

  static std::string JsonFloat(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    return FloatText(value);
  }

  void JsonDict(const Value& value, const JsonStyle& style, int depth) {
    auto items = std::get<Dict*>(value)->items;
    if (items.empty()) return Own("{}");
    if (style.sorts_keys) {
      std::stable_sort(items.begin(), items.end(),
                       [](const auto& a, const auto& b) {
                         return IsText(a.first) && IsText(b.first) &&
                                TextOf(a.first).bytes < TextOf(b.first).bytes;
                       });
    }
    Own("{");
    for (size_t i = 0; i < items.size(); ++i) {
      const auto& [key, item] = items[i];
      Separate(i, style, depth + 1);
      if (IsText(key)) {
        AppendJsonText(TextOf(key), style.is_ascii, &out_);
      } else {
        Own("\"");
        Json(key, style, depth + 1);
        Own("\"");
      }
      out_.Append(style.key_separator);
      Json(item, style, depth + 1);
    }
    NewLine(style, depth);
    Own("}");
  }

  Machine* machine_;
  Text out_;
};

}  // namespace

Text ToText(Machine* machine, const Value& value) {
  if (IsText(value)) return TextOf(value);
  if (Is<Undefined>(value)) return Text();
  Printer printer(machine);
  printer.Repr(value, 0);
  return printer.Take();
}

Text ToJson(Machine* machine, const Value& value, const JsonStyle& style) {
  Printer printer(machine);
  printer.Json(value, style, 0);
  return printer.Take();
}

const char* TypeName(const Value& value) {
  if (Is<Undefined>(value)) return "undefined";
  if (Is<None>(value)) return "none";
  if (Is<bool>(value)) return "bool";
  if (Is<int64_t>(value)) return "int";
  if (Is<double>(value)) return "float";
  if (IsText(value)) return "str";
  if (Is<List*>(value)) {
    return std::get<List*>(value)->is_tuple ? "tuple" : "list";
  }
  if (Is<Dict*>(value)) return "dict";
  if (Is<Namespace*>(value)) return "namespace";
  if (Is<Loop*>(value)) return "loop";
  if (Is<const Macro*>(value)) return "macro";
  return "function";
}

std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value,
                                 std::chars_format::scientific)
                       .ptr;
  // "-d.ddde+XX": digits and exponent.
  const absl::string_view shortest(buffer, end - buffer);
  const size_t e = shortest.find('e');
  std::string digits;
  for (char c : shortest.substr(0, e)) {
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  int exponent = 0;
  absl::string_view power = shortest.substr(e + 1);
  if (power[0] == '+') power.remove_prefix(1);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  std::string text = std::signbit(value) ? "-" : "";
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    absl::StrAppend(&text, digits.substr(0, 1), count > 1 ? "." : "",
                    digits.substr(1),
                    absl::StrFormat("e%c%02d", exponent < 0 ? '-' : '+',
                                    std::abs(exponent)));
  } else if (exponent < 0) {
    absl::StrAppend(&text, "0.", std::string(-exponent - 1, '0'), digits);
  } else if (exponent + 1 >= count) {
    absl::StrAppend(&text, digits, std::string(exponent + 1 - count, '0'),
                    ".0");
  } else {
    absl::StrAppend(&text, digits.substr(0, exponent + 1), ".",
                    digits.substr(exponent + 1));
  }
  return text;
}

}  // namespace r1::jinja

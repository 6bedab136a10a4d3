#include "model/split_pattern.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

// Unicode White_Space. PCRE2's own \s also has U+180E.
constexpr absl::string_view kSpaceRange = "\\x09-\\x0d\\x{85}\\p{Z}";

class Translator {
 public:
  explicit Translator(absl::string_view pattern) : pattern_(pattern) {}

  absl::StatusOr<std::string> Run() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        R1_RETURN_IF_ERROR(Escape());
      } else if (in_class_) {
        R1_RETURN_IF_ERROR(InClass(c));
      } else if (c == '[') {
        R1_RETURN_IF_ERROR(OpenClass());
      } else if (c == '(') {
        R1_RETURN_IF_ERROR(Group());
      } else if (c == '{') {
        R1_RETURN_IF_ERROR(Interval());
      } else {
        Copy(1);
      }
    }
    if (in_class_) return Ends("a character class");
    return std::move(out_);
  }

 private:
  void Copy(size_t count) {
    absl::StrAppend(&out_, pattern_.substr(at_, count));
    at_ += count;
  }

  absl::Status Refuse(absl::string_view what) const {
    return absl::UnimplementedError(absl::StrCat(
        "split pattern: ", what, " at byte ", at_, " is not supported"));
  }
  absl::Status Ends(absl::string_view where) const {
    return absl::InvalidArgumentError(
        absl::StrCat("split pattern: ends inside ", where));
  }

  absl::Status InClass(char c) {
    if (c == '[') return Refuse("a class inside a class");
    if (absl::StartsWith(pattern_.substr(at_), "&&")) {
      return Refuse("a class intersection (&&)");
    }
    if (c == ']') in_class_ = false;
    Copy(1);
    return absl::OkStatus();
  }

  absl::Status OpenClass() {
    in_class_ = true;
    Copy(1);
    if (at_ < pattern_.size() && pattern_[at_] == '^') Copy(1);
    if (at_ < pattern_.size() && pattern_[at_] == ']') {
      return Refuse("']' as the first of a class");
    }
    return absl::OkStatus();
  }

  absl::Status Group() {
    const absl::string_view rest = pattern_.substr(at_);
    for (absl::string_view open :
         {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"}) {
      if (!absl::StartsWith(rest, open)) continue;
      Copy(open.size());
      return absl::OkStatus();
    }
    if (absl::StartsWith(rest, "(?") || absl::StartsWith(rest, "(*")) {
      return Refuse(absl::StrCat("the group ", rest.substr(0, 4)));
    }
    Copy(1);
    return absl::OkStatus();
  }

  // {n}, {n,} and {n,m}; possessive and lazy intervals differ.
  absl::Status Interval() {
    const size_t end = pattern_.find('}', at_);
    if (end == absl::string_view::npos) return Ends("an interval");
    bool has_digit_first = false;
    for (size_t i = at_ + 1; i < end; ++i) {
      const bool is_digit = absl::ascii_isdigit(pattern_[i]);
      if (i == at_ + 1) has_digit_first = is_digit;
      if (!is_digit && pattern_[i] != ',') {
        return Refuse("a '{' that is no interval");
      }
    }
    if (!has_digit_first) return Refuse("an interval without a lower bound");
    const absl::string_view after = pattern_.substr(end + 1);
    if (absl::StartsWith(after, "+") || absl::StartsWith(after, "?")) {
      return Refuse("an interval followed by '+' or '?'");
    }
    Copy(end + 1 - at_);
    return absl::OkStatus();
  }

  absl::Status Escape() {
    if (at_ + 1 >= pattern_.size()) return Ends("an escape");
    const char c = pattern_[at_ + 1];
    if (c == 's') {
      absl::StrAppend(&out_, in_class_ ? "" : "[", kSpaceRange,
                      in_class_ ? "" : "]");
      at_ += 2;
      return absl::OkStatus();
    }
    if (c == 'S') {
      if (in_class_) return Refuse("\\S inside a class");
      absl::StrAppend(&out_, "[^", kSpaceRange, "]");
      at_ += 2;
      return absl::OkStatus();
    }
    if (c == 'p' || c == 'P') return Property();
    if (c == 'u') return CodePoint();
    if (pattern_.substr(at_ + 1, 2) == "x{") {
      const size_t end = pattern_.find('}', at_);
      if (end == absl::string_view::npos) return Ends("\\x{");
      Copy(end + 1 - at_);
      return absl::OkStatus();
    }
    const bool is_known = absl::StrContains("rntfaexdDAzZ", c);
    if (absl::ascii_isalnum(c) && (!is_known || (in_class_ && c < 'a'))) {
      return Refuse(absl::StrCat("\\", pattern_.substr(at_ + 1, 1)));
    }
    Copy(2);
    return absl::OkStatus();
  }

  // Names longer than a general category are scripts. PCRE2 would take a bare
  // script name as "Script_Extensions", Oniguruma takes it as "Script".
  absl::Status Property() {
    const size_t end = pattern_.find('}', at_);
    if (pattern_.substr(at_ + 2, 1) != "{" || end == absl::string_view::npos) {
      return Ends("a property");
    }
    absl::string_view name = pattern_.substr(at_ + 3, end - at_ - 3);
    const bool is_negated = absl::ConsumePrefix(&name, "^");
    const bool is_category = name.size() <= 2;
    absl::StrAppend(&out_, pattern_.substr(at_, 2), "{", is_negated ? "^" : "",
                    is_category ? "" : "sc:", name, "}");
    at_ = end + 1;
    return absl::OkStatus();
  }

  // \uHHHH
  absl::Status CodePoint() {
    const absl::string_view digits = pattern_.substr(at_ + 2, 4);
    if (digits.size() < 4) return Ends("\\u");
    for (char digit : digits) {
      if (!absl::ascii_isxdigit(digit)) return Refuse("\\u without 4 digits");
    }
    absl::StrAppend(&out_, "\\x{", digits, "}");
    at_ += 6;
    return absl::OkStatus();
  }

  absl::string_view pattern_;
  size_t at_ = 0;
  bool in_class_ = false;
  std::string out_;
};

}  // namespace

absl::StatusOr<std::string> TranslateSplitPattern(absl::string_view pattern) {
  return Translator(pattern).Run();
}

}  // namespace r1

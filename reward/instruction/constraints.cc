#include "reward/instruction/constraints.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "nlohmann/json.hpp"
#include "reward/core/reference.h"
#include "reward/core/text.h"
#include "reward/language/script.h"

namespace r1 {
namespace {

using ConstraintJson = nlohmann::json;
using Holds = std::function<bool(const AnswerWords&)>;

constexpr absl::string_view kConstraintsExpected =
    "{\"constraints\": an object with one at least of words, of, count, order, "
    "case, form}";

absl::Status BadConstraint(absl::string_view name, absl::string_view expected,
                           absl::string_view got) {
  return absl::InvalidArgumentError(
      absl::StrCat("unusable reference: constraint \"", Excerpt(name),
                   "\": expected ", expected, ", got ", Excerpt(got)));
}

// General punctuation, that of CJK and of full width, and what is no character.
bool IsMark(int32_t c) {
  return (c >= 0x80 && c <= 0xBF) || (c >= 0x2000 && c <= 0x206F) ||
         (c >= 0x3000 && c <= 0x3004) || (c >= 0x3008 && c <= 0x303F) ||
         (c >= 0xFF00 && c <= 0xFF0F) || (c >= 0xFF1A && c <= 0xFF20) ||
         c == 0xFFFD;
}

// Words in lower case, as constraints compare them; nothing if `value` is no
// list of texts.
bool ParseWords(const ConstraintJson& value, std::vector<std::string>* words) {
  if (!value.is_array()) return false;
  for (const ConstraintJson& word : value) {
    if (!word.is_string()) return false;
    words->push_back(absl::AsciiStrToLower(word.get<std::string>()));
  }
  return true;
}

Holds AreTheWords(std::vector<std::string> words) {
  return [words = std::move(words)](const AnswerWords& answer) {
    return answer.lower == words;
  };
}

Holds AreOf(const std::vector<std::string>& words) {
  std::map<std::string, int> allowed;
  for (const std::string& word : words) ++allowed[word];
  return [allowed = std::move(allowed)](const AnswerWords& answer) {
    std::map<std::string, int> left = allowed;
    return absl::c_all_of(answer.lower, [&](const std::string& word) {
      const auto it = left.find(word);
      return it != left.end() && it->second-- > 0;
    });
  };
}

bool IsInOrder(const AnswerWords& answer) {
  return absl::c_is_sorted(answer.lower);
}

bool IsLower(const AnswerWords& answer) {
  return absl::c_none_of(answer.text, absl::ascii_isupper);
}

bool IsUpper(const AnswerWords& answer) {
  return absl::c_none_of(answer.text, absl::ascii_islower);
}

bool IsPlain(const AnswerWords& answer) {
  return answer.text == absl::StrJoin(answer.words, " ");
}

bool IsCommas(const AnswerWords& answer) {
  return answer.text == absl::StrJoin(answer.words, ", ");
}

bool IsBrackets(const AnswerWords& answer) {
  return answer.text ==
         absl::StrCat("(", absl::StrJoin(answer.words, " "), ")");
}

// A constraint with a value out of a few, by name.
struct NamedCheck {
  absl::string_view constraint;
  absl::string_view value;
  bool (*holds)(const AnswerWords&);
};

constexpr NamedCheck kNamedChecks[] = {
    {"order", "alphabet", IsInOrder}, {"case", "lower", IsLower},
    {"case", "upper", IsUpper},       {"form", "plain", IsPlain},
    {"form", "commas", IsCommas},     {"form", "brackets", IsBrackets},
};

absl::StatusOr<Holds> ParseConstraint(const std::string& name,
                                      const ConstraintJson& value) {
  if (name == "words" || name == "of") {
    std::vector<std::string> words;
    if (!ParseWords(value, &words)) {
      return BadConstraint(name, "a list of texts", value.type_name());
    }
    return name == "of" ? AreOf(words) : AreTheWords(std::move(words));
  }
  if (name == "count") {
    if (!value.is_number_unsigned()) {
      return BadConstraint(name, "an integer of 0 or more", value.type_name());
    }
    return [count = value.get<uint64_t>()](const AnswerWords& answer) {
      return answer.words.size() == count;
    };
  }
  std::vector<absl::string_view> known;
  for (const NamedCheck& check : kNamedChecks) {
    if (check.constraint != name) continue;
    if (value.is_string() && value.get_ref<const std::string&>() == check.value)
      return Holds(check.holds);
    known.push_back(check.value);
  }
  if (known.empty()) {
    return BadConstraint(name, "one of words, of, count, order, case, form",
                         "an unknown name");
  }
  return BadConstraint(
      name, absl::StrJoin(known, " or "),
      value.is_string() ? value.get<std::string>() : value.type_name());
}

}  // namespace

AnswerWords ReadWords(absl::string_view answer) {
  AnswerWords read;
  read.text = std::string(answer);
  absl::RemoveExtraAsciiWhitespace(&read.text);
  std::string word;
  bool has_letter = false;
  const auto close = [&] {
    if (has_letter) read.words.push_back(word);
    word.clear();
    has_letter = false;
  };
  const absl::string_view text = read.text;
  for (size_t at = 0, length = 0; at < text.size(); at += length) {
    const int32_t c = FirstCodePoint(text.substr(at), &length);
    const bool is_letter = c < 0x80 ? absl::ascii_isalnum(c) : !IsMark(c);
    const bool is_joint = c == '\'' || c == '-' || c == '_';
    const bool is_alone =
        is_letter && c >= 0x80 && IsWordByCharacter(ScriptOf(c));
    if (is_alone || !(is_letter || is_joint)) close();
    if (!(is_letter || is_joint)) continue;
    absl::StrAppend(&word, text.substr(at, length));
    has_letter = has_letter || is_letter;
    if (is_alone) close();
  }
  close();
  for (const std::string& said : read.words) {
    read.lower.push_back(absl::AsciiStrToLower(said));
  }
  return read;
}

absl::StatusOr<std::vector<Constraint>> ConstraintsReference(
    absl::string_view json) {
  R1_ASSIGN_OR_RETURN(
      const absl::string_view spelled,
      ReferenceField(json, "constraints", kConstraintsExpected));
  const auto values = ConstraintJson::parse(spelled.begin(), spelled.end());
  if (!values.is_object() || values.empty()) {
    return UnusableReference(json, kConstraintsExpected);
  }
  std::vector<Constraint> constraints;
  for (const auto& [name, value] : values.items()) {
    R1_ASSIGN_OR_RETURN(Holds holds, ParseConstraint(name, value));
    constraints.push_back({name, std::move(holds)});
  }
  return constraints;
}

}  // namespace r1

#include "rollout/tasks/row_reference.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/json_members.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr absl::string_view kBoxes[] = {"\\boxed", "\\fbox"};
constexpr absl::string_view kHashes = "####";

// Up to the brace that closes the group which `text` begins in.
std::optional<absl::string_view> GroupContent(absl::string_view text) {
  int depth = 1;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;  // "\{" is a character
    } else if (text[at] == '{') {
      ++depth;
    } else if (text[at] == '}' && --depth == 0) {
      return text.substr(0, at);
    }
  }
  return std::nullopt;
}

// What TeX takes for an argument without braces: a character or a command.
absl::string_view FirstToken(absl::string_view text) {
  size_t size = Utf8CharacterLength(text);
  if (absl::StartsWith(text, "\\")) {
    while (size < text.size() && absl::ascii_isalpha(text[size])) ++size;
  }
  return text.substr(0, size);
}

// What the last box of a text holds.
std::optional<absl::string_view> LastBoxed(absl::string_view text) {
  size_t begin = 0;
  for (const absl::string_view box : kBoxes) {
    const size_t at = text.rfind(box);
    if (at != text.npos) begin = std::max(begin, at + box.size());
  }
  if (begin == 0) return std::nullopt;
  text = absl::StripLeadingAsciiWhitespace(text.substr(begin));
  if (absl::StartsWith(text, "{")) return GroupContent(text.substr(1));
  return FirstToken(text);
}

// The end of a text, where answers stand, for a message.
std::string Tail(absl::string_view text) {
  constexpr size_t kShown = 48;
  const bool is_cut = text.size() > kShown;
  if (is_cut) text.remove_prefix(text.size() - kShown);
  return absl::StrCat("\"", is_cut ? "..." : "", absl::CHexEscape(text), "\"");
}

JsonMember* Find(std::vector<JsonMember>* members, absl::string_view name) {
  const auto it =
      std::find_if(members->begin(), members->end(),
                   [&](const JsonMember& m) { return m.name == name; });
  return it == members->end() ? nullptr : &*it;
}

// The value of a field, or of one within others: reward_model.ground_truth.
std::optional<absl::string_view> ValueAt(absl::string_view object,
                                         absl::string_view path) {
  if (const auto value = JsonMemberValue(object, path)) return value;
  const size_t dot = path.find('.');
  if (dot == path.npos) return std::nullopt;
  const auto outer = JsonMemberValue(object, path.substr(0, dot));
  if (!outer.has_value()) return std::nullopt;
  return ValueAt(*outer, path.substr(dot + 1));
}

// The value of `answer` as JSON, from that of the field.
absl::StatusOr<std::string> AnswerValue(const TaskSection& config,
                                        absl::string_view value) {
  if (config.answer_form() == AS_IS) return std::string(value);
  const Json text = Json::parse(value.begin(), value.end());
  if (!text.is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat("task.answer_form ", AnswerForm_Name(config.answer_form()),
                     ": field \"", config.answer_field(),
                     "\": expected a string, got ", text.type_name()));
  }
  absl::StatusOr<std::string> answer =
      AnswerInForm(config.answer_form(), text.get_ref<const std::string&>());
  R1_RETURN_IF_ERROR(Annotate(
      answer.status(),
      absl::StrCat("task.answer_form: field \"", config.answer_field(), "\"")));
  return Json(*std::move(answer)).dump();
}

}  // namespace

absl::StatusOr<std::string> AnswerInForm(AnswerForm form,
                                         absl::string_view text) {
  if (form == AS_IS) return std::string(absl::StripAsciiWhitespace(text));
  std::optional<absl::string_view> answer;
  if (form == BOXED) {
    answer = LastBoxed(text);
  } else if (const size_t at = text.rfind(kHashes); at != text.npos) {
    answer = text.substr(at + kHashes.size());
  }
  const std::string found(
      absl::StripAsciiWhitespace(answer.value_or(absl::string_view())));
  if (found.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(AnswerForm_Name(form), ": expected ",
                     form == BOXED ? "a \\boxed{} with an answer in it"
                                   : "\"####\" and an answer behind it",
                     ", got ", Tail(text)));
  }
  return found;
}

absl::StatusOr<std::string> RowReference(const TaskSection& config,
                                         absl::string_view row) {
  constexpr absl::string_view kAnswer = "answer";
  auto parsed = JsonMembers(row);
  R1_CHECK(parsed.has_value(), "the row is a JSON object");
  std::vector<JsonMember> members = *std::move(parsed);
  members.erase(std::remove_if(members.begin(), members.end(),
                               [&](const JsonMember& member) {
                                 return member.name == config.question_field();
                               }),
                members.end());
  std::string answer;  // outlives the views of `members`
  const auto field = ValueAt(row, config.answer_field());
  JsonMember* own = Find(&members, kAnswer);
  if (field.has_value()) {
    R1_ASSIGN_OR_RETURN(answer, AnswerValue(config, *field));
    if (own == nullptr) {
      members.push_back({std::string(kAnswer), "\"answer\"", answer});
    } else {
      own->value = answer;
    }
  } else if (own != nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("task.answer_field: no field \"", config.answer_field(),
                     "\" to be the answer, only: ", JsonMemberNames(members)));
  } else if (config.answer_form() != AS_IS) {
    return absl::InvalidArgumentError(
        absl::StrCat("task.answer_form ", AnswerForm_Name(config.answer_form()),
                     ": no field \"", config.answer_field(),
                     "\", only: ", JsonMemberNames(members)));
  }
  return JsonObject(members);
}

}  // namespace r1

#include "model/pre_tokenizer.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/strict_json.h"
#include "model/unicode.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr absl::string_view kWhere = "pre_tokenizer";
constexpr size_t kMaxStages = 16;

absl::Status NotSupported(absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat(
      kWhere, ": ", what,
      " is not supported; supported are Split (Isolated), Digits and "
      "ByteLevel, with ByteLevel last"));
}

// The regular expression that matches exactly `text`.
std::string QuotePattern(absl::string_view text) {
  std::string pattern;
  for (char c : text) {
    if (absl::ascii_ispunct(c)) pattern.push_back('\\');
    pattern.push_back(c);
  }
  return pattern;
}

}  // namespace

absl::StatusOr<PreTokenizer> PreTokenizer::FromJson(const Json& json) {
  if (!json.is_object()) {
    return NotSupported(DescribeJson(json));
  }
  PreTokenizer result;
  std::string type;
  R1_RETURN_IF_ERROR(ReadString(json, kWhere, "type", &type).status());
  if (type != "Sequence") {
    R1_RETURN_IF_ERROR(result.Add(json, true));
    return result;
  }
  const Json* list = FindMember(json, "pretokenizers");
  if (list == nullptr || !list->is_array() || list->empty() ||
      list->size() > kMaxStages) {
    return absl::InvalidArgumentError(
        absl::StrCat(kWhere, ": \"pretokenizers\" must be an array of 1 to ",
                     kMaxStages, " objects"));
  }
  for (size_t i = 0; i < list->size(); ++i) {
    R1_RETURN_IF_ERROR(result.Add((*list)[i], i + 1 == list->size()));
  }
  return result;
}

absl::Status PreTokenizer::Add(const Json& json, bool is_last) {
  std::string type;
  if (json.is_object()) {
    R1_RETURN_IF_ERROR(ReadString(json, kWhere, "type", &type).status());
  }
  if ((type == "ByteLevel") != is_last) {
    return NotSupported(absl::StrCat(is_last ? "the last" : "an earlier",
                                     " stage of type \"", type, "\""));
  }
  if (type == "Split") return AddSplit(json);
  if (type == "Digits") {
    bool is_individual = false;
    R1_RETURN_IF_ERROR(
        ReadBool(json, kWhere, "individual_digits", &is_individual).status());
    return AddPattern(is_individual ? "\\p{N}" : "\\p{N}+");
  }
  if (type != "ByteLevel") {
    return NotSupported(absl::StrCat("type \"", type, "\""));
  }
  bool adds_space = true, uses_regex = true;  // as absent keys are read
  R1_RETURN_IF_ERROR(
      ReadBool(json, kWhere, "add_prefix_space", &adds_space).status());
  R1_RETURN_IF_ERROR(ReadBool(json, kWhere, "use_regex", &uses_regex).status());
  // Would break Decode(Encode(s)) == s.
  if (adds_space) return NotSupported("add_prefix_space");
  return uses_regex ? AddPattern(kGpt2Pattern) : absl::OkStatus();
}

absl::Status PreTokenizer::AddSplit(const Json& json) {
  std::string behavior;
  bool is_inverted = false;
  R1_RETURN_IF_ERROR(ReadString(json, kWhere, "behavior", &behavior).status());
  R1_RETURN_IF_ERROR(ReadBool(json, kWhere, "invert", &is_inverted).status());
  // Inversion swaps matches and the text between them; isolated, both are kept
  // as pieces either way.
  if (behavior != "Isolated") {
    return NotSupported(absl::StrCat("Split behavior \"", behavior, "\""));
  }
  const Json* pattern = FindMember(json, "pattern");
  if (pattern == nullptr || !pattern->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(
        kWhere, ": \"pattern\" must be {\"Regex\": …} or {\"String\": …}"));
  }
  std::string text;
  R1_ASSIGN_OR_RETURN(bool found, ReadString(*pattern, kWhere, "Regex", &text));
  if (found) return AddPattern(text);
  R1_ASSIGN_OR_RETURN(found, ReadString(*pattern, kWhere, "String", &text));
  if (found) return AddPattern(QuotePattern(text));
  return absl::InvalidArgumentError(
      absl::StrCat(kWhere, ": \"pattern\" has neither Regex nor String"));
}

absl::Status PreTokenizer::AddPattern(absl::string_view pattern) {
  auto splitter = RegexSplitter::Create(pattern);
  if (!splitter.ok()) return Annotate(splitter.status(), kWhere);
  stages_.push_back(*std::move(splitter));
  return absl::OkStatus();
}

void PreTokenizer::Split(absl::string_view text,
                         RegexSplitter::Scratch* scratch,
                         std::vector<absl::string_view>* pieces) const {
  while (!text.empty()) {
    const size_t valid = ValidUtf8Prefix(text);
    if (valid > 0) SplitValid(text.substr(0, valid), scratch, pieces);
    text.remove_prefix(valid);
    const size_t invalid = InvalidUtf8Prefix(text);
    if (invalid > 0) pieces->push_back(text.substr(0, invalid));
    text.remove_prefix(invalid);
  }
}

void PreTokenizer::SplitValid(absl::string_view text,
                              RegexSplitter::Scratch* scratch,
                              std::vector<absl::string_view>* pieces) const {
  if (stages_.empty()) {
    pieces->push_back(text);
    return;
  }
  if (stages_.size() == 1) {
    stages_[0].Split(text, scratch, pieces);
    return;
  }
  std::vector<absl::string_view> current = {text}, next;
  for (const RegexSplitter& stage : stages_) {
    next.clear();
    for (absl::string_view piece : current) stage.Split(piece, scratch, &next);
    current.swap(next);
  }
  pieces->insert(pieces->end(), current.begin(), current.end());
}

}  // namespace r1

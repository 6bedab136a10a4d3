#include "model/post_processor.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/strict_json.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr char kWhere[] = "post_processor";
constexpr int64_t kMaxId = INT32_MAX;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(kWhere, ": ", what));
}

// special_tokens[name].ids
absl::Status AppendIds(const Json& json, const std::string& name,
                       std::vector<int32_t>* ids) {
  const Json* tokens = FindMember(json, "special_tokens");
  const Json* token = tokens != nullptr && tokens->is_object()
                          ? FindMember(*tokens, name)
                          : nullptr;
  const Json* list = token != nullptr && token->is_object()
                         ? FindMember(*token, "ids")
                         : nullptr;
  if (list == nullptr || !list->is_array()) {
    return Malformed(absl::StrCat("special_tokens has no ids of \"", name,
                                  "\", which the template adds"));
  }
  for (const Json& item : *list) {
    int64_t id = -1;
    R1_ASSIGN_OR_RETURN(const bool found,
                        ReadInt({{"id", item}}, kWhere, "id", 0, kMaxId, &id));
    if (!found) return Malformed("an id is null");
    ids->push_back(static_cast<int32_t>(id));
  }
  return absl::OkStatus();
}

// "single": pieces {"SpecialToken": {"id": name}} around one {"Sequence"}.
absl::StatusOr<AroundText> ReadTemplate(const Json& json) {
  const Json* single = FindMember(json, "single");
  if (single == nullptr || !single->is_array()) {
    return Malformed("\"single\" must be an array of pieces");
  }
  AroundText around;
  bool has_text = false;
  for (const Json& piece : *single) {
    const Json* token =
        piece.is_object() ? FindMember(piece, "SpecialToken") : nullptr;
    if (token == nullptr) {
      const bool is_text =
          piece.is_object() && FindMember(piece, "Sequence") != nullptr;
      if (!is_text || has_text) {
        return Malformed("\"single\" must hold one Sequence and SpecialTokens");
      }
      has_text = true;
      continue;
    }
    std::string name;
    if (token->is_object()) {
      R1_RETURN_IF_ERROR(ReadString(*token, kWhere, "id", &name).status());
    }
    R1_RETURN_IF_ERROR(
        AppendIds(json, name, has_text ? &around.after : &around.before));
  }
  if (!has_text) return Malformed("\"single\" holds no Sequence");
  return around;
}

// "cls" and "sep": [text, id].
absl::StatusOr<AroundText> ReadBert(const Json& json) {
  AroundText around;
  for (const char* key : {"cls", "sep"}) {
    const Json* pair = FindMember(json, key);
    int64_t id = -1;
    if (pair != nullptr && pair->is_array() && pair->size() == 2) {
      R1_RETURN_IF_ERROR(
          ReadInt({{key, (*pair)[1]}}, kWhere, key, 0, kMaxId, &id).status());
    }
    if (id < 0)
      return Malformed(absl::StrCat("\"", key, "\" must be [text, id]"));
    (key[0] == 'c' ? around.before : around.after)
        .push_back(static_cast<int32_t>(id));
  }
  return around;
}

}  // namespace

absl::StatusOr<AroundText> ReadPostProcessor(const Json& json) {
  std::string type;
  if (json.is_object()) {
    R1_RETURN_IF_ERROR(ReadString(json, kWhere, "type", &type).status());
  }
  if (type == "ByteLevel") return AroundText();
  if (type == "TemplateProcessing") return ReadTemplate(json);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    return ReadBert(json);
  }
  const Json* list = FindMember(json, "processors");
  if (type != "Sequence" || list == nullptr || !list->is_array()) {
    return absl::UnimplementedError(absl::StrCat(
        kWhere, ": type \"", type,
        "\" is not supported; supported are ByteLevel, TemplateProcessing, "
        "BertProcessing, RobertaProcessing and Sequence"));
  }
  AroundText around;
  for (const Json& item : *list) {
    // Each goes around what the ones before made.
    if (item.is_object() && item.contains("processors")) {
      return Malformed("a Sequence inside a Sequence");
    }
    R1_ASSIGN_OR_RETURN(AroundText outer, ReadPostProcessor(item));
    around.before.insert(around.before.begin(), outer.before.begin(),
                         outer.before.end());
    around.after.insert(around.after.end(), outer.after.begin(),
                        outer.after.end());
  }
  return around;
}

}  // namespace r1

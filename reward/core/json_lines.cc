#include "reward/core/json_lines.h"

#include <limits>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/json_members.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "reward/core/text.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

absl::Status Unexpected(const char* field, const char* expected,
                        const Json* got) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", field, "\": expected ", expected, ", got ",
      got == nullptr ? "nothing" : Excerpt(got->dump(-1, ' ', true))));
}

const Json* Find(const Json& object, const char* field) {
  const auto it = object.find(field);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

// Leaves `text` alone where an optional field is missing.
absl::Status ReadText(const Json& object, const char* field, bool is_required,
                      std::string* text) {
  const Json* value = Find(object, field);
  if (value == nullptr && !is_required) return absl::OkStatus();
  if (value == nullptr || !value->is_string()) {
    return Unexpected(field, "a string", value);
  }
  *text = value->get<std::string>();
  return absl::OkStatus();
}

// A value as text that can be echoed.
std::string Dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// By name: a protobuf map has no order.
template <typename Value>
std::map<std::string, Value> Sorted(
    const google::protobuf::Map<std::string, Value>& map) {
  return {map.begin(), map.end()};
}

}  // namespace

const char* RewardKindName(RewardKind kind) {
  switch (kind) {
    case REWARD_SCORE:
      return "score";
    case REWARD_ABSTAIN:
      return "abstain";
    case REWARD_ERROR:
      return "error";
    case REWARD_TIMEOUT:
      return "timeout";
    case REWARD_NOT_APPLICABLE:
      return "not_applicable";
    default:
      return "unspecified";
  }
}

absl::StatusOr<ItemLine> ParseItemLine(absl::string_view line) {
  // Deeper values are dropped as they are read: Dump recurses.
  constexpr int kMaxDepth = 64;
  bool is_too_deep = false;
  const auto keep = [&](int depth, Json::parse_event_t, const Json&) {
    is_too_deep |= depth > kMaxDepth;
    return depth <= kMaxDepth;
  };
  const Json object =
      Json::parse(line.begin(), line.end(), keep, /*exceptions=*/false);
  if (is_too_deep) {
    return absl::InvalidArgumentError(absl::StrCat(
        "nested deeper than ", kMaxDepth, " levels: \"", Excerpt(line), "\""));
  }
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a JSON object {\"id\", \"completion\", "
                     "\"reference\"}, got \"",
                     Excerpt(line), "\""));
  }
  ItemLine parsed;
  const Json* id = Find(object, "id");
  if (id == nullptr || !(id->is_string() || id->is_number_integer())) {
    return Unexpected("id", "a string or an integer", id);
  }
  parsed.id = Dump(*id);
  R1_RETURN_IF_ERROR(ReadText(object, "completion", /*is_required=*/true,
                              parsed.item.mutable_completion()));
  R1_RETURN_IF_ERROR(ReadText(object, "prompt", /*is_required=*/false,
                              parsed.item.mutable_prompt()));
  R1_RETURN_IF_ERROR(ReadText(object, "group", /*is_required=*/false,
                              parsed.item.mutable_group()));
  // As it is spelled: a number passes through whatever its size.
  parsed.item.set_reference("{}");
  if (const Json* given = Find(object, "reference")) {
    const absl::string_view text = *JsonMemberValue(line, "reference");
    parsed.item.set_reference(given->is_object()
                                  ? std::string(text)
                                  : absl::StrCat("{\"answer\":", text, "}"));
  }
  if (const Json* tokens = Find(object, "completion_tokens")) {
    if (!tokens->is_number_unsigned() ||
        tokens->get<uint64_t>() > std::numeric_limits<int32_t>::max()) {
      return Unexpected("completion_tokens", "an integer from 0 to 2147483647",
                        tokens);
    }
    parsed.item.set_completion_tokens(tokens->get<int32_t>());
  }
  if (const Json* truncated = Find(object, "is_truncated")) {
    if (!truncated->is_boolean()) {
      return Unexpected("is_truncated", "true or false", truncated);
    }
    parsed.item.set_is_truncated(truncated->get<bool>());
  }
  return parsed;
}

std::string ResultLine(const std::string& id, const RewardResult& result) {
  Json object;
  object["kind"] = RewardKindName(result.kind());
  object["total"] = nullptr;
  if (result.kind() == REWARD_SCORE) {
    object["total"] = result.total();
    if (result.raw_total() != result.total()) {
      object["raw_total"] = result.raw_total();
    }
  }
  object["components"] = Json::object();
  for (const RewardComponent& component : result.components()) {
    object["components"][component.name()] = component.value();
  }
  object["detail"] = result.detail();
  if (!result.versions().empty())
    object["versions"] = Sorted(result.versions());
  if (!result.not_applicable().empty()) {
    object["not_applicable"] = result.not_applicable();
  }
  if (!result.metrics().empty()) object["metrics"] = Sorted(result.metrics());
  if (!result.extracted().empty()) {
    object["extracted"] = Sorted(result.extracted());
  }
  // The id is JSON already.
  return absl::StrCat("{\"id\":", id, ",", Dump(object).substr(1));
}

}  // namespace r1

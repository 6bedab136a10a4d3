#include "reward/plugin/messages.h"

#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "nlohmann/json.hpp"
#include "reward/core/text.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxDetailBytes = 500;
constexpr size_t kMaxVersionBytes = 64;
constexpr size_t kMaxMetrics = 100;
constexpr int kMaxDepth = 64;

std::string Dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Null for what is no object, or is nested so deeply that printing it, which
// recurses, could overflow the stack.
Json ParseObject(absl::string_view line) {
  bool is_too_deep = false;
  const auto keep = [&](int depth, Json::parse_event_t, const Json&) {
    is_too_deep |= depth > kMaxDepth;
    return depth <= kMaxDepth;
  };
  Json object =
      Json::parse(line.begin(), line.end(), keep, /*exceptions=*/false);
  if (is_too_deep || !object.is_object()) return nullptr;
  return object;
}

const Json* Find(const Json& object, const char* field) {
  const auto it = object.find(field);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

// A short text of the plugin's, made safe; empty for what is no text.
std::string TextOf(const Json& object, const char* field, size_t max_bytes) {
  const Json* value = Find(object, field);
  if (value == nullptr) return "";
  const std::string text =
      value->is_string() ? value->get<std::string>() : Dump(*value);
  return ToValidUtf8(absl::string_view(text).substr(0, max_bytes));
}

absl::Status BadDescription(absl::string_view expected,
                            absl::string_view line) {
  return absl::InvalidArgumentError(absl::StrCat(
      "its first line: expected ", expected, ", got \"", Excerpt(line), "\""));
}

absl::Status ReadFlag(const Json& object, const char* name,
                      absl::string_view line, bool* flag) {
  const Json* value = Find(object, name);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_boolean()) {
    return BadDescription(absl::StrCat("\"", name, "\": true or false"), line);
  }
  *flag = value->get<bool>();
  return absl::OkStatus();
}

RuleResult VerdictOf(const Json& object) {
  std::string detail = TextOf(object, "detail", kMaxDetailBytes);
  const std::string kind = TextOf(object, "kind", kMaxDetailBytes);
  if (kind == "error") return RuleResult::Error(std::move(detail));
  if (kind == "abstain") return RuleResult::Abstain(std::move(detail));
  if (kind == "not_applicable") {
    return RuleResult::NotApplicable(std::move(detail));
  }
  if (!kind.empty() && kind != "score") {
    return RuleResult::Error(absl::StrCat(
        "\"kind\": expected \"score\", \"abstain\", \"not_applicable\" or "
        "\"error\", got \"",
        Excerpt(kind), "\""));
  }
  const auto score = object.find("score");
  if (score != object.end() && score->is_null()) {
    return RuleResult::Abstain(std::move(detail));
  }
  if (score == object.end() || !score->is_number()) {
    return RuleResult::Error(absl::StrCat(
        "\"score\": expected a number or null, got ",
        score == object.end() ? "nothing" : Excerpt(Dump(*score))));
  }
  return RuleResult::Score(score->get<double>(), std::move(detail));
}

RuleResult ResultOf(const Json& object) {
  RuleResult result = VerdictOf(object);
  result.extracted = TextOf(object, "extracted", kMaxDetailBytes);
  const Json* metrics = Find(object, "metrics");
  if (metrics == nullptr) return result;
  if (!metrics->is_object() || metrics->size() > kMaxMetrics) {
    return RuleResult::Error(
        absl::StrCat("\"metrics\": expected an object of at most ", kMaxMetrics,
                     " numbers, got ", Excerpt(Dump(*metrics))));
  }
  for (const auto& [name, value] : metrics->items()) {
    if (!value.is_number()) {
      return RuleResult::Error(absl::StrCat("\"metrics\": \"", Excerpt(name),
                                            "\": expected a number, got ",
                                            Excerpt(Dump(value))));
    }
    result.metrics[name] = value.get<double>();
  }
  return result;
}

}  // namespace

std::string HelloLine(const RuleOptions& options) {
  Json object = {{"r1_reward", 1}, {"options", Json::object()}};
  for (const auto& [name, value] : options) object["options"][name] = value;
  return Dump(object);
}

bool IsDescription(absl::string_view line) {
  if (!absl::StartsWith(line, "{")) return false;
  const Json object = ParseObject(line);
  if (!object.is_object() || object.empty()) return true;
  for (const char* field :
       {"version", "range", "deterministic", "compares_samples", "error"}) {
    if (object.contains(field)) return true;
  }
  return false;
}

bool IsResult(absl::string_view line) {
  if (!absl::StartsWith(line, "{") || !absl::StrContains(line, "\"id\"")) {
    return false;
  }
  const Json object = ParseObject(line);
  return !object.is_object() || object.contains("id");
}

absl::StatusOr<PluginDescription> ParseDescription(absl::string_view line) {
  const Json object = ParseObject(line);
  if (!object.is_object()) {
    return BadDescription("a JSON object, e.g. {\"version\": \"1.0\"}", line);
  }
  if (Find(object, "error") != nullptr) {
    return absl::InvalidArgumentError(TextOf(object, "error", kMaxDetailBytes));
  }
  PluginDescription description;
  description.version = TextOf(object, "version", kMaxVersionBytes);
  R1_RETURN_IF_ERROR(
      ReadFlag(object, "deterministic", line, &description.is_deterministic));
  R1_RETURN_IF_ERROR(ReadFlag(object, "compares_samples", line,
                              &description.compares_samples));
  if (const Json* range = Find(object, "range")) {
    const bool is_pair = range->is_array() && range->size() == 2 &&
                         (*range)[0].is_number() && (*range)[1].is_number();
    if (is_pair) {
      description.range = {(*range)[0].get<double>(),
                           (*range)[1].get<double>()};
    }
    if (!is_pair || !(description.range.lowest <= description.range.highest)) {
      return BadDescription("\"range\": [lowest, highest]", line);
    }
  }
  return description;
}

absl::Status CheckPluginReference(absl::string_view reference) {
  if (reference.empty() || ParseObject(reference).is_object()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unusable reference: expected a JSON object nested at most ",
                   kMaxDepth, " deep, got \"", Excerpt(reference), "\""));
}

std::string PluginItemLine(absl::string_view id, const RewardItem& item,
                           size_t group_size, const RuleContext& context) {
  const std::string line =
      Dump({{"id", id},
            {"prompt", item.prompt()},
            {"completion", item.completion()},
            {"group", item.group()},
            {"group_size", group_size},
            {"completion_tokens", item.completion_tokens()},
            {"is_truncated", item.is_truncated()},
            {"max_new_tokens", context.max_new_tokens},
            {"step", context.step}});
  // A line end can only stand between its tokens.
  std::string reference =
      absl::StrReplaceAll(item.reference().empty() ? "{}" : item.reference(),
                          {{"\n", " "}, {"\r", " "}});
  return absl::StrCat("{\"reference\":", reference, ",", line.substr(1));
}

absl::StatusOr<PluginResultLine> ParsePluginResult(absl::string_view line) {
  const Json object = ParseObject(line);
  const Json* id = object.is_object() ? Find(object, "id") : nullptr;
  if (id == nullptr || !id->is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a JSON object with the text \"id\", got \"",
                     Excerpt(line), "\""));
  }
  return PluginResultLine{id->get<std::string>(), ResultOf(object)};
}

}  // namespace r1

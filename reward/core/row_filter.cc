#include "reward/core/row_filter.h"

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/json_members.h"
#include "nlohmann/json.hpp"
#include "reward/core/text.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// A text, number or boolean in one spelling; empty for any other value. 3 and
// 3.0 are one number.
std::string Canonical(const Json& value) {
  if (value.is_string() || value.is_boolean()) {
    return value.dump(-1, ' ', /*ensure_ascii=*/true,
                      Json::error_handler_t::replace);
  }
  return value.is_number() ? Json(value.get<double>()).dump() : "";
}

Json Parsed(absl::string_view text) {
  return Json::parse(text.begin(), text.end(), /*cb=*/nullptr,
                     /*allow_exceptions=*/false);
}

}  // namespace

absl::StatusOr<RowFilter> RowFilter::Parse(absl::string_view json) {
  const Json object = Parsed(json);
  const absl::Status bad = absl::InvalidArgumentError(absl::StrCat(
      "option \"for\": expected the fields of rows and their values, e.g. "
      "{\"data_source\": \"gsm8k\"} or {\"data_source\": [\"gsm8k\", "
      "\"math\"]}, got \"",
      Excerpt(json), "\""));
  if (!object.is_object() || object.empty()) return bad;
  RowFilter filter;
  for (const auto& [name, value] : object.items()) {
    std::vector<std::string>& allowed =
        filter.fields_.emplace_back(name, std::vector<std::string>()).second;
    for (const Json& one : value.is_array() ? value : Json::array({value})) {
      allowed.push_back(Canonical(one));
      if (allowed.back().empty()) return bad;
    }
    if (allowed.empty()) return bad;
  }
  return filter;
}

std::string RowFilter::Mismatch(absl::string_view reference) const {
  for (const auto& [name, allowed] : fields_) {
    const auto text = JsonMemberValue(reference, name);
    if (!text.has_value()) {
      return absl::StrCat("the row has no \"", name, "\"");
    }
    const bool is_nested = text->front() == '{' || text->front() == '[';
    if (is_nested ||
        !absl::c_linear_search(allowed, Canonical(Parsed(*text)))) {
      return absl::StrCat("the row's \"", name, "\" is \"", Excerpt(*text),
                          "\"");
    }
  }
  return "";
}

}  // namespace r1

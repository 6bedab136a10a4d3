#include "model/config_json.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/strict_json.h"

namespace r1 {

absl::Status MissingMember(absl::string_view where, absl::string_view key) {
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": \"", key, "\" is missing"));
}

absl::Status NotComputed(absl::string_view key, const nlohmann::json& value,
                         absl::string_view expected) {
  return absl::UnimplementedError(absl::StrCat(
      kConfigFile, ": \"", key, "\" is ", DescribeJson(value),
      ", which this program does not compute; it supports ", expected));
}

absl::Status RequireInt(const nlohmann::json& json, absl::string_view where,
                        absl::string_view key, int64_t high, int64_t* out) {
  R1_ASSIGN_OR_RETURN(const bool found,
                      ReadInt(json, where, key, 1, high, out));
  return found ? absl::OkStatus() : MissingMember(where, key);
}

absl::Status RequireInt(const nlohmann::json& json, absl::string_view where,
                        absl::string_view key, int64_t high, int* out) {
  int64_t value = 0;
  R1_RETURN_IF_ERROR(RequireInt(json, where, key, high, &value));
  *out = static_cast<int>(value);
  return absl::OkStatus();
}

}  // namespace r1

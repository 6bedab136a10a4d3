// Members of config.json that must be there, and what is said of those whose
// value this program does not compute.
#ifndef R1_MODEL_CONFIG_JSON_H_
#define R1_MODEL_CONFIG_JSON_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace r1 {

inline constexpr absl::string_view kConfigFile = "config.json";

absl::Status MissingMember(absl::string_view where, absl::string_view key);

// Unimplemented: `key` of config.json has `value`, expected `expected`.
absl::Status NotComputed(absl::string_view key, const nlohmann::json& value,
                         absl::string_view expected);

// A member in [1, high].
// Errors: InvalidArgument if it is absent, null, no integer or out of range.
absl::Status RequireInt(const nlohmann::json& json, absl::string_view where,
                        absl::string_view key, int64_t high, int64_t* out);
absl::Status RequireInt(const nlohmann::json& json, absl::string_view where,
                        absl::string_view key, int64_t high, int* out);

}  // namespace r1

#endif  // R1_MODEL_CONFIG_JSON_H_

// JSON from untrusted files: refuses what lenient parsers let pass (a key given
// twice, trailing text, invalid UTF-8) and what would exhaust memory or stack
// (deep nesting). The room's only way to parse JSON into a tree.
#ifndef R1_MODEL_STRICT_JSON_H_
#define R1_MODEL_STRICT_JSON_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace r1 {

inline constexpr int kMaxJsonDepth = 64;

// Errors: InvalidArgument with the byte offset and what was found there.
absl::StatusOr<nlohmann::json> ParseStrictJson(absl::string_view text);

// "object", "string", … : how error messages name what was found, with the
// value itself if it is short.
std::string DescribeJson(const nlohmann::json& value);

// Typed access to one member of an object. `where` names the object in
// messages. Each returns false and leaves *out alone if the member is absent
// or null; InvalidArgument if it has another type or lies outside the range.
absl::StatusOr<bool> ReadInt(const nlohmann::json& object,
                             absl::string_view where, absl::string_view key,
                             int64_t low, int64_t high, int64_t* out);
absl::StatusOr<bool> ReadDouble(const nlohmann::json& object,
                                absl::string_view where, absl::string_view key,
                                double low, double high, double* out);
absl::StatusOr<bool> ReadBool(const nlohmann::json& object,
                              absl::string_view where, absl::string_view key,
                              bool* out);
absl::StatusOr<bool> ReadString(const nlohmann::json& object,
                                absl::string_view where, absl::string_view key,
                                std::string* out);

// The member, or nullptr if it is absent or null.
const nlohmann::json* FindMember(const nlohmann::json& object,
                                 absl::string_view key);

}  // namespace r1

#endif  // R1_MODEL_STRICT_JSON_H_

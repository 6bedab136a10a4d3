// Items and results as lines of JSON, for people and programs without gRPC.
#ifndef R1_REWARD_CORE_JSON_LINES_H_
#define R1_REWARD_CORE_JSON_LINES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/reward.pb.h"

namespace r1 {

// "score", "abstain", "error", "timeout", "not_applicable"; "unspecified" for
// any other.
const char* RewardKindName(RewardKind kind);

// {"id", "completion", "reference"?, "prompt"?, "completion_tokens"?,
// "is_truncated"?, "group"?}; other fields are ignored. A `reference` that is
// no object is the answer: "72" and 7.20 mean {"answer": "72"},
// {"answer": 7.20}.
struct ItemLine {
  RewardItem item;  // without an id
  std::string id;   // as JSON: "\"a\"" or "17"
};

// Errors: InvalidArgument that says which field is wrong, what was expected and
// got.
absl::StatusOr<ItemLine> ParseItemLine(absl::string_view line);

// {"id", "kind", "total", "components", "detail"}, without a line end. `total`
// is null where the kind is not "score"; `raw_total` is there where it differs
// from it, `versions` where plugins judged, `not_applicable` (names of rules),
// `metrics` and `extracted` (by rule) where there are any. `id` is JSON.
std::string ResultLine(const std::string& id, const RewardResult& result);

}  // namespace r1

#endif  // R1_REWARD_CORE_JSON_LINES_H_

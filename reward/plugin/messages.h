// The lines of JSON between this program and a plugin's process.
//
// r1 writes first {"r1_reward": 1, "options": {NAME: TEXT, ...}}, and the
// plugin answers {"version", "range": [lowest, highest], "deterministic",
// "compares_samples"} - each may be missing - or {"error": "why not"}. Then r1
// writes items, {"id", "prompt", "completion", "reference": {...}, "group",
// "group_size", "completion_tokens", "is_truncated", "max_new_tokens", "step"},
// and the plugin answers each, in any order, with
//   {"id", "score": 0.5, "detail": "why"}             a score
//   {"id", "score": null, "detail": "why"}            an abstention
//   {"id", "kind": "error", "detail": "why"}          a failure
//   {"id", "kind": "not_applicable", "detail"}        not for this sample
// `detail` may be missing. With a result may come "metrics": {NAME: number},
// what was measured beside the score, and "extracted": "42", the answer found
// in the completion. Other lines are log
// messages: what does not begin with "{", and JSON without these fields. At the
// end of its input the plugin ends. The items of a group follow each other;
// group_size is 1 for a plugin that does not compare samples.
#ifndef R1_REWARD_PLUGIN_MESSAGES_H_
#define R1_REWARD_PLUGIN_MESSAGES_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/reward.pb.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"

namespace r1 {

// What a plugin says of itself.
struct PluginDescription {
  std::string version;
  ScoreRange range;
  bool is_deterministic = false;
  bool compares_samples = false;
};

// All lines are without their ends.
std::string HelloLine(const RuleOptions& options);

// Whether a line is meant as an answer to a hello, or as a result; it may still
// be a bad one. Others are log messages.
bool IsDescription(absl::string_view line);
bool IsResult(absl::string_view line);

// Errors: InvalidArgument for what is no answer to a hello, and for one that
// says "error".
absl::StatusOr<PluginDescription> ParseDescription(absl::string_view line);

// Whether a plugin can be given this reference: a JSON object nested at most 64
// deep, or none at all. It goes out as it is spelled.
// Errors: InvalidArgument.
absl::Status CheckPluginReference(absl::string_view reference);

// Of an item whose reference is checked.
std::string PluginItemLine(absl::string_view id, const RewardItem& item,
                           size_t group_size, const RuleContext& context);

struct PluginResultLine {
  std::string id;
  // An ERROR where the line gives no result that can be used.
  RuleResult result;
};

// Errors: InvalidArgument for a line that is no JSON object with an id.
absl::StatusOr<PluginResultLine> ParsePluginResult(absl::string_view line);

}  // namespace r1

#endif  // R1_REWARD_PLUGIN_MESSAGES_H_

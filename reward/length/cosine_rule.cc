#include "reward/length/cosine_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/math.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

constexpr int kMaxTokens = 1 << 30;
constexpr double kLargest = std::numeric_limits<double>::max();

}  // namespace

absl::StatusOr<CosineOptions> CosineOptions::Parse(const RuleOptions& options) {
  CosineOptions parsed;
  double beyond = 0;
  OptionReader read(options);
  read.Text("answer", &parsed.answer);
  read.Number("right_short", -kLargest, kLargest, &parsed.right_short);
  read.Number("right_long", -kLargest, kLargest, &parsed.right_long);
  read.Number("wrong_short", -kLargest, kLargest, &parsed.wrong_short);
  read.Number("wrong_long", -kLargest, kLargest, &parsed.wrong_long);
  read.Number("beyond", -kLargest, kLargest, &beyond);
  read.Int("min_len", 0, kMaxTokens, &parsed.min_len);
  read.Int("max_len", 0, kMaxTokens, &parsed.max_len);
  R1_RETURN_IF_ERROR(read.Finish());
  if (options.contains("beyond")) parsed.beyond = beyond;
  for (const char* name : {"wrong_short", "wrong_long"}) {
    if (!options.contains(name) || !parsed.answer.empty()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("option \"", name,
                     "\": expected with \"answer\", the rule that says which "
                     "samples are right, e.g. \"countdown\""));
  }
  if (parsed.max_len != 0 && parsed.max_len <= parsed.min_len) {
    return absl::InvalidArgumentError(absl::StrCat(
        "option \"max_len\": expected more than min_len = ", parsed.min_len,
        ", got ", parsed.max_len));
  }
  return parsed;
}

RuleResult CosineRule::Score(const RewardItem& item,
                             const RuleContext& context) const {
  const double low = options_.min_len;
  const double high =
      options_.max_len > 0 ? options_.max_len : context.max_new_tokens;
  const double length = item.completion_tokens();
  if (high <= low || length < 0) {
    return RuleResult::Abstain(absl::StrCat(
        "cosine needs max_len (or max_new_tokens) above min_len and "
        "completion_tokens of 0 or more, got ",
        high, ", ", low, ", ", length));
  }
  if (length >= high && options_.beyond) {
    return RuleResult::Score(*options_.beyond);
  }
  const bool is_right = options_.answer.empty() || context.needed[0] == 1;
  const double at_short =
      is_right ? options_.right_short : options_.wrong_short;
  const double at_long = is_right ? options_.right_long : options_.wrong_long;
  const double progress = std::clamp((length - low) / (high - low), 0.0, 1.0);
  const double share = (1 + Cos(std::numbers::pi * progress)) / 2;
  // Never outside the two values, by rounding either.
  return RuleResult::Score(std::lerp(at_long, at_short, share));
}

ScoreRange CosineRule::range() const {
  auto [lowest, highest] =
      std::minmax({options_.right_short, options_.right_long,
                   options_.beyond.value_or(options_.right_long)});
  if (!options_.answer.empty()) {
    lowest = std::min({lowest, options_.wrong_short, options_.wrong_long});
    highest = std::max({highest, options_.wrong_short, options_.wrong_long});
  }
  return {lowest, highest};
}

}  // namespace r1

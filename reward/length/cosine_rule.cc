#include "reward/length/cosine_rule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

constexpr int kMaxTokens = 1 << 30;

}  // namespace

absl::StatusOr<CosineOptions> CosineOptions::Parse(const RuleOptions& options) {
  CosineOptions parsed;
  OptionReader read(options);
  read.Int("min_len", 0, kMaxTokens, &parsed.min_len);
  read.Int("max_len", 0, kMaxTokens, &parsed.max_len);
  R1_RETURN_IF_ERROR(read.Finish());
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
  const double progress = std::clamp((length - low) / (high - low), 0.0, 1.0);
  return RuleResult::Score((1 + std::cos(std::numbers::pi * progress)) / 2);
}

}  // namespace r1

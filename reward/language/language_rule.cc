#include "reward/language/language_rule.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "reward/format/tags.h"
#include "reward/language/language.h"

namespace r1 {

absl::StatusOr<LanguageOptions> LanguageOptions::Parse(
    const RuleOptions& options) {
  std::vector<absl::string_view> codes;
  for (const Language& language : Languages()) codes.push_back(language.code);
  LanguageOptions parsed;
  parsed.target = static_cast<int>(std::find(codes.begin(), codes.end(), "en") -
                                   codes.begin());
  int part = 0, few = 0;
  OptionReader read(options);
  read.Choice("target", codes, &parsed.target);
  read.Int("min_words", 1, 1000000, &parsed.min_words);
  read.Choice("few", {"neutral", "abstain"}, &few);
  read.Choice("part", {"reasoning", "whole"}, &part);
  R1_RETURN_IF_ERROR(read.Finish());
  parsed.abstains = few == 1;
  parsed.is_whole = part == 1;
  return parsed;
}

RuleResult LanguageRule::Score(const RewardItem& item,
                               const RuleContext& /*context*/) const {
  const absl::string_view text =
      options_.is_whole ? absl::string_view(item.completion())
                        : SplitReasoning(item.completion()).reasoning;
  const WordShare share = CountWords(text, options_.target);
  std::string detail =
      absl::StrCat(share.target, " of ", share.all, " words are ",
                   Languages()[options_.target].code);
  const int64_t missing = std::max<int64_t>(options_.min_words - share.all, 0);
  if (missing > 0) {
    absl::StrAppend(&detail, ", fewer than min_words = ", options_.min_words);
    if (options_.abstains) return RuleResult::Abstain(std::move(detail));
  }
  RuleResult result =
      RuleResult::Score((share.target + 0.5 * missing) / (share.all + missing),
                        std::move(detail));
  if (const auto is_one = IsInOneLanguage(text)) {
    result.metrics["one_language"] = *is_one;
  }
  return result;
}

}  // namespace r1

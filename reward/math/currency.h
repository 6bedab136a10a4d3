// Money beside its amount: signs, codes and words.
#ifndef R1_REWARD_MATH_CURRENCY_H_
#define R1_REWARD_MATH_CURRENCY_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1::math {

// "rupee" for "Rs", "INR" and "rupees", as units.h spells it; empty for what is
// no money.
std::string CurrencyOfWord(absl::string_view word);

// A word before an amount, as its currency and the bytes that it takes.
struct AmountSign {
  std::string currency;  // "$" for dollars; empty: the dollar sign follows
  size_t num_bytes = 0;
};

// The sign at the start of `text`: "Rs. " of "Rs. 100", "A" of "A\$100". An A
// before $5$ is one only where dollars do not delimit formulas.
std::optional<AmountSign> FindAmountSign(absl::string_view text,
                                         bool dollars_delimit);

// The currency that is all of \text{inside}, where `after` follows the group:
// \text{USD }5, \text{\$}5.
std::optional<std::string> CurrencyOfGroup(absl::string_view inside,
                                           absl::string_view after);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_CURRENCY_H_

// Chemical formulas.
#ifndef R1_REWARD_MATH_CHEMISTRY_H_
#define R1_REWARD_MATH_CHEMISTRY_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace r1::math {

// One spelling for a formula of at least two atoms, or of one with its charge:
// "H2O" for H_2O, \\text{H}_2\\text{O}, \\mathrm{H_{2}O} and \\ce{H2O}; "Fe^2+"
// for Fe^{2+}. Nothing where a letter is no element.
std::optional<std::string> ChemicalFormula(absl::string_view text);

}  // namespace r1::math

#endif  // R1_REWARD_MATH_CHEMISTRY_H_

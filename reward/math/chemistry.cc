#include "reward/math/chemistry.h"

#include <cstddef>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reward/math/source_text.h"

namespace r1::math {
namespace {

constexpr size_t kMaxFormulaBytes = 100;

bool IsElement(absl::string_view symbol) {
  static const auto* elements = new absl::flat_hash_set<
      absl::string_view>(absl::StrSplit(
      "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co "
      "Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb "
      "Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re "
      "Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm",
      ' '));
  return elements->contains(symbol);
}

}  // namespace

std::optional<std::string> ChemicalFormula(absl::string_view source) {
  if (source.size() > kMaxFormulaBytes) return std::nullopt;
  const auto ascii = ToPlainLatex(source);
  if (!ascii.ok()) return std::nullopt;
  const std::string formula = absl::StrReplaceAll(*ascii, {{"\\text", ""},
                                                           {"\\mathrm", ""},
                                                           {"\\ce", ""},
                                                           {"{", ""},
                                                           {"}", ""},
                                                           {"_", ""},
                                                           {"$", ""},
                                                           {" ", ""}});
  int num_atoms = 0;
  bool has_charge = false;
  for (size_t i = 0; i < formula.size();) {
    const char c = formula[i];
    if (absl::ascii_isupper(c)) {
      const bool has_second =
          i + 1 < formula.size() && absl::ascii_islower(formula[i + 1]);
      const absl::string_view symbol =
          absl::string_view(formula).substr(i, has_second ? 2 : 1);
      if (!IsElement(symbol)) return std::nullopt;
      ++num_atoms;
      i += symbol.size();
    } else if (c == '^') {  // to the end: ^2+, ^-
      absl::string_view charge = absl::string_view(formula).substr(i + 1);
      if (!absl::ConsumeSuffix(&charge, "+") &&
          !absl::ConsumeSuffix(&charge, "-")) {
        return std::nullopt;
      }
      if (charge.size() > 1 ||
          (!charge.empty() && !absl::ascii_isdigit(charge[0]))) {
        return std::nullopt;
      }
      has_charge = true;
      break;
    } else if (!absl::ascii_isdigit(c) && c != '(' && c != ')') {
      return std::nullopt;
    } else if (num_atoms == 0 && c != '(') {
      return std::nullopt;  // 2H
    } else {
      ++i;
    }
  }
  if (num_atoms < 2 && !(num_atoms == 1 && has_charge)) return std::nullopt;
  return formula;
}

}  // namespace r1::math

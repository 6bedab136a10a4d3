#include "reward/math/symbols.h"

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace r1::math {
namespace {

using NameSet = absl::flat_hash_set<absl::string_view>;

const NameSet& Functions() {
  static const auto* names = new NameSet(absl::StrSplit(
      "sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arccot "
      "arcsec arccsc log ln lg exp max min gcd lcm det dim ker arg deg Re Im "
      "sgn tr abs floor ceil",
      ' '));
  return *names;
}

const NameSet& Greek() {
  static const auto* names = new NameSet(absl::StrSplit(
      "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota "
      "kappa lambda mu nu xi rho varrho sigma tau upsilon phi varphi chi psi "
      "omega Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega ell hbar "
      "aleph",
      ' '));
  return *names;
}

using CommandMap = absl::flat_hash_map<absl::string_view, CommandMeaning>;

CommandMap MakeCommands() {
  CommandMap map;
  const auto add = [&map](CommandRole role, absl::string_view text,
                          absl::string_view names) {
    for (const absl::string_view name : absl::StrSplit(names, ' ')) {
      map[name] = {role, text.empty() ? name : text};
    }
  };
  add(CommandRole::kSkip, "",
      "left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr "
      "Biggl Biggr displaystyle textstyle scriptstyle limits nolimits quad "
      "qquad enspace thinspace medspace thickspace negthinspace nonumber "
      "notag centering noindent ensuremath hfill nobreak allowbreak rm bf it");
  add(CommandRole::kText, "",
      "text mbox textbf textit textrm textnormal textsf texttt mathrm hbox "
      "emph operatorname mathit mathsf mathtt textup underline");
  add(CommandRole::kFormat, "",
      "mathbf boldsymbol bm mathcal pmb vec overrightarrow hat widehat tilde "
      "mathfrak boxed fbox");
  add(CommandRole::kSkipNext, "",
      "phantom hphantom vphantom hspace vspace label tag");
  for (const auto& [text, names] :
       std::initializer_list<std::pair<absl::string_view, absl::string_view>>{
           {"<=", "le leq leqslant leqq"},
           {">=", "ge geq geqslant geqq"},
           {"!=", "ne neq"},
           {"<", "lt"},
           {">", "gt"},
           {"*", "times cdot ast"},
           {"/", "div"},
           {"+-", "pm"},
           {"-+", "mp"},
           {"~", "approx simeq approxeq thickapprox doteq"},
           {"in", "in isin"},
           {"cup", "cup bigcup"},
           {"cap", "cap bigcap"},
           {"setminus", "setminus backslash smallsetminus"},
           {":", "colon"},
           {"...", "ldots cdots dots dotsc dotsb dotsm vdots ddots"},
           {"deg", "circ degree degrees"},
           {"%", "percent"},
           {"\\{", "lbrace"},
           {"\\}", "rbrace"},
           {"[", "lbrack"},
           {"]", "rbrack"},
           {"<|", "langle"},
           {"|>", "rangle"},
           {"|", "lvert rvert vert"},
           {"mid", "mid"},
           {"to",
            "to rightarrow longrightarrow Rightarrow implies iff mapsto "
            "Leftrightarrow"},
           {"$", "textdollar"},
           {"euro", "euro texteuro"},
           {"pound", "pounds textsterling"},
           {"yen", "yen textyen"},
           {"and", "land wedge"},
           {"or", "lor vee"},
           {"==", "equiv"},
           {"'", "prime"},
       }) {
    add(CommandRole::kSymbol, text, names);
  }
  add(CommandRole::kCommand, "frac", "frac dfrac tfrac cfrac");
  add(CommandRole::kCommand, "binom", "binom dbinom tbinom choose");
  add(CommandRole::kCommand, "infinity", "infty infin infinity");
  add(CommandRole::kCommand, "emptyset", "emptyset varnothing");
  add(CommandRole::kCommand, "",
      "sqrt pi overline bar begin end lfloor rfloor lceil rceil sum prod int "
      "lim pmod bmod mod triangle angle mathbb partial nabla perp parallel");
  for (const absl::string_view name : Functions()) {
    map[name] = {CommandRole::kCommand, name};
  }
  for (const absl::string_view name : Greek()) {
    map[name] = {CommandRole::kCommand, name};
  }
  return map;
}

}  // namespace

CommandMeaning FindCommand(absl::string_view name) {
  static const auto* map = new CommandMap(MakeCommands());
  const auto it = map->find(name);
  return it == map->end() ? CommandMeaning() : it->second;
}

Character FindCharacter(absl::string_view text) {
  static constexpr std::pair<absl::string_view, absl::string_view> kTable[] = {
      {"\u2212", "-"},
      {"\u2013", "-"},
      {"\u2010", "-"},
      {"\u2011", "-"},
      {"\u00d7", "\\times "},
      {"\u00b7", "\\cdot "},
      {"\u22c5", "\\cdot "},
      {"\u2217", "\\cdot "},
      {"\u00f7", "\\div "},
      {"\u2264", "\\le "},
      {"\u2265", "\\ge "},
      {"\u2a7d", "\\le "},
      {"\u2a7e", "\\ge "},
      {"\u2260", "\\ne "},
      {"\u2248", "\\approx "},
      {"\u221e", "\\infty "},
      {"\u03c0", "\\pi "},
      {"\u221a", "\\sqrt "},
      {"\u00b0", "^\\circ "},
      {"\u00ba", "^\\circ "},
      {"\u00b1", "\\pm "},
      {"\u222a", "\\cup "},
      {"\u2229", "\\cap "},
      {"\u2208", "\\in "},
      {"\u2205", "\\emptyset "},
      {"\u211d", "\\mathbb{R}"},
      {"\u20ac", "\\euro "},
      {"\u00a3", "\\pounds "},
      {"\u00a5", "\\yen "},
      {"\u03b1", "\\alpha "},
      {"\u03b2", "\\beta "},
      {"\u03b3", "\\gamma "},
      {"\u03b8", "\\theta "},
      {"\u03bb", "\\lambda "},
      {"\u03bc", "\\mu "},
      {"\u03c6", "\\phi "},
      {"\u03c9", "\\omega "},
      {"\u2026", "\\ldots "},
      {"\u00a0", " "},
      {"\u2009", " "},
      {"\u202f", " "},
      {"\u2003", " "},
      {"\u200b", " "},
      {"\u2032", "'"},
      {"\u2019", "'"},
      {"\u2018", "'"},
      {"\u201c", "\""},
      {"\u201d", "\""},
      {"\u00b2", "^2"},
      {"\u00b3", "^3"},
      {"\u2074", "^4"},
      {"\u00bd", "\\frac{1}{2}"},
      {"\u00bc", "\\frac{1}{4}"},
      {"\u00be", "\\frac{3}{4}"},
      {"\u2223", "|"},
      {"\u2236", ":"},
      {"\u2308", "\\lceil "},
      {"\u2309", "\\rceil "},
      {"\u230a", "\\lfloor "},
      {"\u230b", "\\rfloor "},
      {"\uff0c", ","},
      {"\uff08", "("},
      {"\uff09", ")"},
      {"\uff1d", "="},
      {"\uff1a", ":"},
  };
  for (const auto& [utf8, latex] : kTable) {
    if (absl::StartsWith(text, utf8)) {
      return {static_cast<int>(utf8.size()), latex};
    }
  }
  return {};
}

bool IsPlainCommand(absl::string_view word) {
  static const auto* names = new NameSet(absl::StrSplit(
      "sqrt pi infinity infty alpha beta gamma delta theta lambda sigma omega "
      "phi rho mu binom cup frac",
      ' '));
  if (word == "Re" || word == "Im" || word == "deg" || word == "det" ||
      word == "dim" || word == "tr" || word == "ker" || word == "arg") {
    return false;  // also words and products of letters
  }
  return names->contains(word) || Functions().contains(word);
}

bool IsFunction(absl::string_view name) { return Functions().contains(name); }

bool IsGreek(absl::string_view name) { return Greek().contains(name); }

}  // namespace r1::math

#include "reward/math/symbols.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/utf8.h"
#include "reward/language/words.h"

namespace r1::math {
namespace {

using NameSet = absl::flat_hash_set<absl::string_view>;

const NameSet& Functions() {
  static const auto* names = new NameSet(absl::StrSplit(
      "sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arccot "
      "arcsec arccsc arcsinh arccosh arctanh log ln lg exp max min gcd lcm det "
      "dim ker arg deg Re Im sgn tr abs floor ceil sup inf",
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
      "qquad enspace thinspace medspace thickspace negthinspace negmedspace "
      "negthickspace nonumber notag centering noindent ensuremath hfill "
      "nobreak "
      "allowbreak rm bf it large Large LARGE huge Huge normalsize small tiny "
      "mathstrut strut therefore protect");
  add(CommandRole::kText, "",
      "text mbox textbf textit textrm textnormal textsf texttt mathrm hbox "
      "emph operatorname mathit mathsf mathtt textup underline");
  add(CommandRole::kFormat, "",
      "mathbf boldsymbol bm mathcal pmb vec overrightarrow hat widehat tilde "
      "widetilde mathfrak mathscr boxed fbox underbrace mathop mathrel");
  add(CommandRole::kSkipNext, "",
      "phantom hphantom vphantom hspace vspace label tag color textcolor");
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
           {"deg", "circ degree degrees textdegree"},
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
            "to rightarrow longrightarrow Rightarrow Longrightarrow implies "
            "iff "
            "mapsto Leftrightarrow"},
           {"$", "textdollar"},
           {"euro", "euro texteuro"},
           {"sterling", "pounds textsterling"},
           {"yen", "yen textyen"},
           {"won", "won textwon"},
           {"naira", "naira textnaira"},
           {"peso", "peso textpeso"},
           {"dong", "dong textdong"},
           {"baht", "baht textbaht"},
           {"and", "land wedge"},
           {"or", "lor vee"},
           {"==", "equiv"},
           {"'", "prime"},
       }) {
    add(CommandRole::kSymbol, text, names);
  }
  add(CommandRole::kSymbol, "", "rupee ruble lira hryvnia shekel taka cedi");
  add(CommandRole::kCommand, "frac", "frac dfrac tfrac cfrac nicefrac sfrac");
  add(CommandRole::kCommand, "binom", "binom dbinom tbinom");
  add(CommandRole::kCommand, "arcsinh", "arsinh");
  add(CommandRole::kCommand, "arccosh", "arcosh");
  add(CommandRole::kCommand, "arctanh", "artanh");
  add(CommandRole::kCommand, "infinity", "infty infin infinity");
  add(CommandRole::kCommand, "emptyset", "emptyset varnothing");
  add(CommandRole::kCommand, "",
      "sqrt pi Pr overline bar begin end lfloor rfloor lceil rceil sum prod "
      "int "
      "lim pmod bmod mod triangle angle mathbb partial nabla perp parallel "
      "over "
      "choose top intercal R");
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
      {"\uffe5", "\\yen "},
      {"\u20b9", "\\rupee "},
      {"\u20a9", "\\won "},
      {"\u20bd", "\\ruble "},
      {"\u20ba", "\\lira "},
      {"\u20a6", "\\naira "},
      {"\u20b1", "\\peso "},
      {"\u20ab", "\\dong "},
      {"\u0e3f", "\\baht "},
      {"\u20b4", "\\hryvnia "},
      {"\u20aa", "\\shekel "},
      {"\u09f3", "\\taka "},
      {"\u20b5", "\\cedi "},
      {"\u03b1", "\\alpha "},
      {"\u03b2", "\\beta "},
      {"\u03b3", "\\gamma "},
      {"\u03b4", "\\delta "},
      {"\u03b5", "\\epsilon "},
      {"\u03b6", "\\zeta "},
      {"\u03b7", "\\eta "},
      {"\u03b9", "\\iota "},
      {"\u03ba", "\\kappa "},
      {"\u03bd", "\\nu "},
      {"\u03be", "\\xi "},
      {"\u03c1", "\\rho "},
      {"\u03c3", "\\sigma "},
      {"\u03c4", "\\tau "},
      {"\u03c5", "\\upsilon "},
      {"\u03c7", "\\chi "},
      {"\u03c8", "\\psi "},
      {"\u03d5", "\\phi "},
      {"\u0393", "\\Gamma "},
      {"\u0394", "\\Delta "},
      {"\u0398", "\\Theta "},
      {"\u039b", "\\Lambda "},
      {"\u039e", "\\Xi "},
      {"\u03a3", "\\Sigma "},
      {"\u03a6", "\\Phi "},
      {"\u03a8", "\\Psi "},
      {"\u03a9", "\\Omega "},
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
      {"\u2033", "''"},
      {"\u2019", "'"},
      {"\u2018", "'"},
      {"\u201c", "\""},
      {"\u201d", "\""},
      {"\u00bd", "\\frac{1}{2}"},
      {"\u00bc", "\\frac{1}{4}"},
      {"\u00be", "\\frac{3}{4}"},
      {"\u2153", "\\frac{1}{3}"},
      {"\u2154", "\\frac{2}{3}"},
      {"\u2155", "\\frac{1}{5}"},
      {"\u2156", "\\frac{2}{5}"},
      {"\u2157", "\\frac{3}{5}"},
      {"\u2158", "\\frac{4}{5}"},
      {"\u2159", "\\frac{1}{6}"},
      {"\u215a", "\\frac{5}{6}"},
      {"\u215b", "\\frac{1}{8}"},
      {"\u215c", "\\frac{3}{8}"},
      {"\u215d", "\\frac{5}{8}"},
      {"\u215e", "\\frac{7}{8}"},
      {"\u2044", "/"},
      {"\u2215", "/"},
      {"\u221b", "\\sqrt[3] "},
      {"\u221c", "\\sqrt[4] "},
      {"\u2022", "\\cdot "},
      {"\u2219", "\\cdot "},
      {"\u2216", "\\setminus "},
      {"\u2227", "\\land "},
      {"\u2228", "\\lor "},
      {"\u2261", "\\equiv "},
      {"\u2192", "\\to "},
      {"\u27e8", "\\langle "},
      {"\u27e9", "\\rangle "},
      {"\u2220", "\\angle "},
      {"\u25b3", "\\triangle "},
      {"\u2211", "\\sum "},
      {"\u220f", "\\prod "},
      {"\u222b", "\\int "},
      {"\u2115", "\\mathbb{N}"},
      {"\u2124", "\\mathbb{Z}"},
      {"\u211a", "\\mathbb{Q}"},
      {"\u2102", "\\mathbb{C}"},
      {"\u22a4", "\\top "},
      {"\u00b5", "\\mu "},
      {"\u2126", "\\Omega "},
      {"\ufeff", " "},
      {"\u2223", "|"},
      {"\u2236", ":"},
      {"\u2308", "\\lceil "},
      {"\u2309", "\\rceil "},
      {"\u230a", "\\lfloor "},
      {"\u230b", "\\rfloor "},
  };
  for (const auto& [utf8, latex] : kTable) {
    if (absl::StartsWith(text, utf8)) {
      return {static_cast<int>(utf8.size()), latex};
    }
  }
  return {};
}

size_t ProseCharacter(absl::string_view text) {
  if (text.empty() || static_cast<unsigned char>(text[0]) < 128) return 0;
  const Character character = FindCharacter(text);
  if (character.num_bytes > 0) {
    static const auto* prose = new NameSet(
        {"'", "\"", " ", ",", ".", ":", "\\euro ", "\\pounds ", "\\yen "});
    return prose->contains(character.latex) ? character.num_bytes : 0;
  }
  size_t num_bytes = 0;
  const int32_t code_point = FirstCodePoint(text, &num_bytes);
  return IsLetterOrMark(code_point) ? num_bytes : 0;
}

absl::string_view PlainCommand(absl::string_view word) {
  static const auto* names = [] {
    auto* map = new absl::flat_hash_map<absl::string_view, absl::string_view>();
    for (const absl::string_view name : Functions()) (*map)[name] = name;
    for (const absl::string_view name : absl::StrSplit(
             "sqrt cbrt pi infinity alpha beta gamma delta theta lambda sigma "
             "omega phi rho mu binom cup frac mod factorial",
             ' ')) {
      (*map)[name] = name;
    }
    for (const auto& [name, spellings] :
         std::initializer_list<std::pair<absl::string_view, absl::string_view>>{
             {"infinity", "infty inf oo Infinity"},
             {"arcsin", "asin"},
             {"arccos", "acos"},
             {"arctan", "atan"},
             {"arcsinh", "asinh arsinh"},
             {"arccosh", "acosh arcosh"},
             {"arctanh", "atanh artanh"},
             {"abs", "Abs"},
             {"ceil", "ceiling"},
             {"max", "Max"},
             {"min", "Min"}}) {
      for (const absl::string_view word : absl::StrSplit(spellings, ' ')) {
        (*map)[word] = name;
      }
    }
    // Also words and products of letters.
    for (const absl::string_view name :
         {"Re", "Im", "deg", "det", "dim", "tr", "ker", "arg"}) {
      map->erase(name);
    }
    return map;
  }();
  const auto it = names->find(word);
  return it == names->end() ? absl::string_view() : it->second;
}

bool IsFunction(absl::string_view name) { return Functions().contains(name); }

bool IsGreek(absl::string_view name) { return Greek().contains(name); }

}  // namespace r1::math

// Answers whose form says what they are: choices, who is what, days, formulas
// of chemistry, units, numbers in words.

#include <map>
#include <string>

#include "gmock/gmock.h"
#include "reward/math/chemistry.h"
#include "reward/math/choice.h"
#include "reward/math/mended_text.h"
#include "reward/math/statements.h"
#include "reward/math/units.h"
#include "tests/reward/math/math_testing.h"

namespace r1 {
namespace {

TEST(MathFormTest, ChoicesAreALetterAndPerhapsATextBehindIt) {
  struct Case {
    std::string text;
    char letter;
    std::string option;
  };
  for (const Case& c : {Case{"B", 'B', ""},
                        {"(B)", 'B', ""},
                        {"[B]", 'B', ""},
                        {"B.", 'B', ""},
                        {"\\text{(B)}", 'B', ""},
                        {"\\textbf{B}", 'B', ""},
                        {"Option B", 'B', ""},
                        {"choice: (B)", 'B', ""},
                        {"(B) 12", 'B', "12"},
                        {"B) \\frac{1}{2}", 'B', "\\frac{1}{2}"},
                        {"B: the last", 'B', "the last"},
                        {"\\textbf{(B)}\\ 12", 'B', "\\ 12"},
                        {"J. 3", 'J', "3"}}) {
    const auto choice = FindChoice(c.text);
    ASSERT_TRUE(choice.has_value()) << c.text;
    EXPECT_EQ(choice->letter, c.letter) << c.text;
    EXPECT_EQ(choice->text, c.option) << c.text;
  }
  for (const std::string text :
       {"", "b", "K", "(K)", "(B", "AB", "B C", "B, C", "(B), (C)", "(B) or C",
        "(B) and C", "A) 1 B) 2", "(A) (B)", "B.C", "B = 3", "Optional B",
        "Because", "B+C", "(B"}) {
    EXPECT_FALSE(FindChoice(text).has_value()) << text;
  }
}

TEST(MathFormTest, LettersInACompletion) {
  MathOptions options;
  options.mode = MathMode::kChoice;
  for (const std::string completion :
       {"C", "c", "(C) 42", "\\boxed{\\text{(C) } 42}", "The answer is (C).",
        "The correct option is C.", "The answer is option C.", "I think it's C",
        "**C. 42**", "C, because 3 > 2"}) {
    EXPECT_EQ(Verdict(completion, "C", options), MathVerdict::kCorrect)
        << completion;
  }
  for (const std::string completion :
       {"", "A, C", "A) C)", "A or C", "The answer is A or C", "ABC", "D",
        "\\boxed{A, C}", "<think>C</think>"}) {
    EXPECT_EQ(Verdict(completion, "C", options), MathVerdict::kIncorrect)
        << completion;
  }
}

TEST(MathFormTest, GoldsThatLostACommandAreUnusable) {
  for (const std::string gold :
       {"rac{5}{8}", "-rac{1}{2}", "ext{blue}", "\text{blue}", "3 imes 4",
        "3\times 4", "x \neq 3", "2\tan x"}) {
    const MathResult result = VerifyMath("\\boxed{rac58}", gold, {});
    EXPECT_EQ(result.verdict, MathVerdict::kAbstain) << gold;
    EXPECT_THAT(result.reason, ::testing::HasSubstr("lost its first letter"));
  }
  // White space that began no command.
  for (const std::string gold : {"5\n6", "x\ty", "\tB", "3\nan 4"}) {
    EXPECT_TRUE(math::LostCommand(gold).empty()) << gold;
  }
}

TEST(MathFormTest, ListsOfTextsAsLanguagesPrintThem) {
  EXPECT_EQ(math::PrintedList("['70']"), "70");
  EXPECT_EQ(math::PrintedList("[\"A\", 'D' ]"), "A, D");
  for (const std::string text : {"", "[]", "[70]", "['70'", "['70]",
                                 "['7' '0']", "[A]", "['7'],['8']"}) {
    EXPECT_FALSE(math::PrintedList(text).has_value()) << text;
  }
}

TEST(MathFormTest, StatementsSayWhoIsWhat) {
  using Roles = std::map<std::string, std::string>;
  const Roles roles = {{"ana", "knight"}, {"ben", "knave"}};
  for (const std::string text :
       {"Ana is a knight, Ben is a knave", "Ben is a knave. Ana is a knight.",
        "Ana is a knight and Ben is a knave", "Ana: knight; Ben: knave",
        "(1) Ana is a knight\n(2) Ben is a knave",
        "- Ana: knight\n- Ben: knave", "Ana = knight, Ben = knave",
        "\\text{Ana is a knight, Ben is a knave}"}) {
    EXPECT_EQ(math::FindStatements(text), roles) << text;
  }
  EXPECT_EQ(math::FindStatements("Ana and Ben are knights, Cy is a spy"),
            Roles({{"ana", "knight"}, {"ben", "knight"}, {"cy", "spy"}}));
  for (const std::string text :
       {"", "Ana is a knight", "x = 5, y = 3",
        "Ana is a knight, Ana is a knave", "Ana, Ben", "Ana is a knight, Ben",
        "a: 1, b: 2", "1, 2, 3", "Ana is x+1, Ben is 2"}) {
    EXPECT_FALSE(math::FindStatements(text).has_value()) << text;
  }
}

TEST(MathFormTest, Days) {
  for (const std::string text :
       {"2024-12-05", "December 5, 2024", "5 December 2024", "Dec. 5, 2024",
        "Dec 5 2024", "5 Dec 2024", "December 5th, 2024"}) {
    EXPECT_EQ(math::FindDate(text), "2024-12-05") << text;
  }
  EXPECT_EQ(math::FindDate("May 7"), "0000-05-07");
  EXPECT_EQ(math::FindDate("05/07/2024"), "5/7/2024");
  for (const std::string text :
       {"", "2024", "2024-1-5", "1-2-3", "5/7", "1/2/3", "May", "5 apples",
        "December 500", "mayor 5"}) {
    EXPECT_FALSE(math::FindDate(text).has_value()) << text;
  }
}

TEST(MathFormTest, ChemicalFormulas) {
  for (const std::string text : {"H_2O", "H2O", "\\text{H}_2\\text{O}",
                                 "\\mathrm{H_{2}O}", "\\ce{H2O}"}) {
    EXPECT_EQ(math::ChemicalFormula(text), "H2O") << text;
  }
  EXPECT_EQ(math::ChemicalFormula("Fe^{2+}"), "Fe^2+");
  EXPECT_EQ(math::ChemicalFormula("Ca(OH)_2"), "Ca(OH)2");
  for (const std::string text :
       {"", "x_2", "C_2", "P_1", "2H", "AB", "xy", "H_2Q", "H^2", "H_2O+1"}) {
    EXPECT_FALSE(math::ChemicalFormula(text).has_value()) << text;
  }
}

TEST(MathFormTest, UnitsHaveOneSpelling) {
  const std::map<std::string, std::vector<std::string>> spellings = {
      {"m second^-2",
       {"m/s^2", "m s^{-2}", "meters per second squared", "metres/second^2"}},
      {"cm^2", {"square centimeters", "cm^2", "sq cm", "centimeters squared"}},
      {"J K^-1 kg^-1", {"J/(kg K)", "J/(K kg)", "J kg^-1 K^-1"}},
      {"hour^-1 mile", {"mph", "miles per hour", "mi/h"}},
      {"percent", {"%", "percent", "per cent"}},
      {"celsius", {"degrees Celsius", "degree C", "celsius"}},
      {"", {"", "apples", "m/s/apples", "units"}}};
  for (const auto& [canonical, texts] : spellings) {
    for (const std::string& text : texts) {
      EXPECT_EQ(math::CanonicalUnit(text), canonical) << text;
    }
  }
  EXPECT_NE(math::CanonicalUnit("mW"), math::CanonicalUnit("MW"));
}

TEST(MathFormTest, NumbersInWords) {
  const std::map<std::string, mpq_class> numbers = {
      {"seven", 7},
      {"twenty", 20},
      {"twenty-one", 21},
      {"ninety nine", 99},
      {"three hundred", 300},
      {"one hundred and five", 105},
      {"two thousand thirty-four", 2034},
      {"five million", 5000000},
      {"half", mpq_class(1, 2)},
      {"one half", mpq_class(1, 2)},
      {"two-thirds", mpq_class(2, 3)}};
  for (const auto& [text, value] : numbers) {
    EXPECT_EQ(math::NumberInWords(text), value) << text;
  }
  for (const std::string text :
       {"", "third", "one two", "twenty twelve", "twenty-ten", "and", "hundred",
        "one apple", "thirty forty"}) {
    EXPECT_FALSE(math::NumberInWords(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace r1

// Lists, sets, tuples, intervals, matrices, letters and words.
#include "tests/reward/math/math_testing.h"

namespace r1 {
namespace {

TEST(MathSetTest, ListsAndSetsHaveNoOrder) {
  ExpectCases({
      {"1, 2",
       {"2, 1", "\\{1,2\\}", "1 and 2", "1 \\text{ or } 2", "{1,2}", "x=1, x=2",
        "x = 1 \\text{ or } x = 2", "1; 2", "x_1=1, x_2=2", "1,2,2"},
       {"1", "2", "1, 2, 3", "(2, 1)", "1.2", "12", "1, 1", "(1,2)", "[1,2]",
        "1, 3"}},
      {"\\{4,5,7\\}",
       {"\\{7,5,4\\}", "4, 5, 7", "\\{4,4,5,7\\}",
        "\\left\\{ 4, 5, 7 \\right\\}"},
       {"\\{4,5\\}", "(4,5,7)", "4", "[4,7]", "\\mathbb{R}"}},
      {"-1,3,3", {"3,3,-1"}, {"-1,3", "-1,-1,3"}},
      {"\\pm 2021",
       {"-2021, 2021", "2021, -2021", "\\{-2021,2021\\}"},
       {"2021", "-2021"}},
      {"1 \\pm \\sqrt{19}",
       {"1+\\sqrt{19}, 1-\\sqrt{19}", "x=1\\pm\\sqrt{19}"},
       {"1+\\sqrt{19}", "\\pm\\sqrt{19}"}},
      {"x=1,x=\\frac{-1\\pm\\sqrt5}{2}",
       {"1, \\frac{-1+\\sqrt5}{2}, \\frac{-1-\\sqrt5}{2}"},
       {"1"}},
      {"\\emptyset",
       {"\\{\\}", "\\varnothing", "no solution"},
       {"0", "\\{0\\}"}},
      {"AB=4,CD=5", {"4, 5", "CD=5, AB=4"}, {"5, 4", "AB=5, CD=4"}},
      {"19, 46, and 82",
       {"82, 46, 19", "19, 46, \\text{ and } 82"},
       {"19, 46", "21, 36, and 82"}},
      {"p=5,q=2;p=7,q=2", {"(5,2),(7,2)"}, {"(5,2)", "(2,5),(2,7)"}},
      {"5",
       {},
       {"5, 6", "5 or 6", "5 \\text{ and } 6", "\\{5\\}", "\\{5,6\\}", "4, 5",
        "1,2,3,4,5", "[0,10]", "\\mathbb{R}", "5 \\pm 0.5"}},
  });
}

TEST(MathSetTest, TuplesHaveAnOrderAndIntervalsTheirEnds) {
  ExpectCases({
      {"(1,2)",
       {"(1, 2)", "\\left(1,2\\right)", "(x,y)=(1,2)", "1, 2",
        "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "(1.0, \\frac42)",
        "\\langle 1, 2\\rangle", "x=1, y=2", "x \\in (1,2)"},
       {"(2,1)", "[1,2]", "(1,2]", "\\{1,2\\}", "1", "(1,2,3)", "2, 1",
        "(1,2"}},
      {"(3, \\frac{\\pi}{2})",
       {"\\left( 3, \\frac{\\pi}{2} \\right)"},
       {"(3,\\pi)", "(\\frac{\\pi}{2},3)"}},
      {"[0,1)",
       {"[0,1)", "x \\in [0,1)", "0 \\le x < 1"},
       {"(0,1]", "[0,1]", "(0,1)", "[0,9)", "-[0,1)", "0"}},
      {"(-\\infty,3)\\cup(3,\\infty)",
       {"(3,\\infty)\\cup(-\\infty,3)", "\\mathbb{R}\\setminus\\{3\\}",
        "x \\ne 3", "(-\\infty,3)U(3,\\infty)",
        "(-\\infty,3)\\cup(3,+\\infty)"},
       {"(-\\infty,\\infty)", "\\mathbb{R}", "(-\\infty,3]\\cup(3,\\infty)"}},
      {"[1,3]", {"[1,2]\\cup[2,3]", "[1,2)\\cup[2,3]"}, {"[1,2)\\cup(2,3]"}},
      {"(-\\infty,\\infty)", {"\\mathbb{R}", "\u211d"}, {"0", "(0,\\infty)"}},
      {"(\\frac35,\\frac83]", {"(0.6,2.6667]"}, {"(0.6,2.7]", "[0.6,2.6667]"}},
      {"\\{-1\\}\\cup[0,7)", {"[0,7)\\cup\\{-1\\}"}, {"[0,7)"}},
      {"(-4, 27);(2, 15)",
       {"(2,15), (-4,27)", "(2,15) \\text{ and } (-4,27)"},
       {"(27,-4),(15,2)", "(-4,27)"}},
      {"[a+b,b]", {"[b+a, b]"}, {"[a,b]"}},
      {"(0;-2;6)", {"(0,-2,6)"}, {"(0,6,-2)"}},
  });
}

TEST(MathSetTest, Matrices) {
  ExpectCases({
      {"\\begin{pmatrix}1 & 2 \\\\ 3 & 4\\end{pmatrix}",
       {"\\begin{bmatrix}1&2\\\\3&4\\\\ \\end{bmatrix}",
        "\\left[\\begin{array}{cc}1 & 2 \\\\3 & 4\\end{array}\\right]",
        "\\begin{pmatrix}1 & 1 \\\\ 1 & 1\\end{pmatrix}+\\begin{pmatrix}0 & 1 "
        "\\\\ 2 & 3\\end{pmatrix}",
        "2\\begin{pmatrix}1/2 & 1 \\\\ 3/2 & 2\\end{pmatrix}"},
       {"\\begin{pmatrix}1 & 2 \\\\ 3 & 5\\end{pmatrix}",
        "\\begin{pmatrix}1 & 3 \\\\ 2 & 4\\end{pmatrix}",
        "\\begin{pmatrix}1 & 2 \\\\ 3 \\end{pmatrix}", "-2", "(1,2,3,4)",
        "\\begin{vmatrix}1 & 2 \\\\ 3 & 4\\end{vmatrix}"}},
      {"\\begin{pmatrix}-7\\\\16\\\\5\\end{pmatrix}",
       {"(-7,16,5)"},
       {"(-7,5,16)"}},
  });
}

TEST(MathSetTest, LettersAndWords) {
  ExpectCases({
      {"\\text{(C)}",
       {"C", "(C)", "\\text{C}", "\\textbf{(C)}", "C.", "c"},
       {"D", "CD", "C, D", "(A)", "3"}},
      {"B", {"B", "\\text{B}", "(B)"}, {"b", "A", "2B", "8"}},
      {"\\text{Evelyn}",
       {"Evelyn", "evelyn", "\\text{evelyn}", "EVELYN"},
       {"Carla", "Evelyn Carla"}},
      {"\\text{odd}", {"odd", "\\mathrm{odd}", "Odd."}, {"even", "odd even"}},
      {"\\text{October 30}",
       {"October 30", "october 30"},
       {"October 31", "30"}},
      {"\\text{two lines}", {"two lines"}, {"two", "2", "lines"}},
      {"\\mbox{four}", {"4", "four"}, {"5", "five"}},
      {"\\text{A,B,E}", {"A, B, E", "E, B, A", "A, B and E", "ABE"}, {"A, B"}},
      {"yes", {"Yes", "\\text{yes}"}, {"no"}},
      {"the midpoints form a hexagon",
       {"The midpoints form a hexagon."},
       {"The midpoints form a pentagon"}},
  });
}

TEST(MathSetTest, SentencesAroundAnAnswer) {
  ExpectCases({
      {"34",
       {"The largest $n$ is 34.", "We get $34$.", "**34**",
        "The answer is $\\boxed{34}$.", "Answer: 34"},
       {"The largest $n$ is 35.", "It lies between 33 and 35", "34 < n",
        "from 3 to 34", "34 is not it, 35 is"}},
      {"x<3",
       {"We find that $x \\lt 3$.", "Therefore $x < 3$ is the solution."},
       {"Therefore $x > 3$ is the solution."}},
  });
}

}  // namespace
}  // namespace r1

#include "reward/code/code_rule.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "reward/code/cpp_compiler.h"
#include "reward/sandbox/sandbox.h"
#include "tests/reward/code/function_hacks.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

class CodeRuleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto sandbox = Sandbox::Start(SandboxOptions());
    if (!sandbox.ok()) {
      GTEST_SKIP() << "needs a machine whose sandbox starts";
    }
    options_.limits.cpu_ms = 2000;
  }

  RuleResult Score(const std::string& program, const Json& reference) {
    if (rule_ == nullptr) rule_ = std::make_unique<CodeRule>(options_);
    return rule_->Score(MakeItem(program, reference.dump()), RuleContext());
  }

  CodeOptions options_;
  std::unique_ptr<CodeRule> rule_;
};

const Json kSum =
    Json::parse(R"j({"stdin_tests": [["1 2", "3"], ["10 -4", "6"]]})j");
const Json kAdd = {{"entry_point", "add"}, {"test", "assert add(2, 3) == 5"}};
const Json kAddAsHumanEval = {
    {"entry_point", "add"},
    {"test",
     "METADATA = {}\n\n\ndef check(candidate):\n"
     "    assert candidate(2, 3) == 5\n    assert candidate(-1, 1) == 0\n"}};

TEST_F(CodeRuleTest, StdinTestsGiveTheVerdict) {
  const std::tuple<const char*, double, const char*> rows[] = {
      {"print(sum(map(int, input().split())))", 1, "OK"},
      {"```python\nprint(sum(map(int, input().split())))\n```", 1, "OK"},
      {"print(3)", 0, "WA: test 2"},
      {"print(4)", 0, "WA: test 1: printed 4"},
      {"print(3)\n1 / 0", 0, "RE: test 1: exit 1, ZeroDivisionError"},
      {"def", 0, "RE: test 1"},
      {"while True: pass", 0, "TLE: test 1"},
      {"x = [0] * 10 ** 9", 0, "MLE: test 1"},
      {"while True: print(1)", 0, "OLE: test 1"},
      {"import os\nwhile True: os.fork()", 0, "PLE: test 1"},
      {"```python\nx", 0, "a code block"},
  };
  for (const auto& [program, score, detail] : rows) {
    const RuleResult result = Score(program, kSum);
    EXPECT_EQ(result.kind, REWARD_SCORE) << program;
    EXPECT_EQ(result.value, score) << program;
    EXPECT_THAT(result.detail, StartsWith(detail)) << program;
  }
}

TEST_F(CodeRuleTest, CppIsCompiledOnce) {
  const auto sandbox = Sandbox::Start(SandboxOptions());
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  CppCompiler compiler(sandbox->get(), "");
  const auto build = compiler.Compile("int main() {}", absl::InfiniteFuture());
  EXPECT_EQ(build->verdict, Verdict::kOk) << build->message;
  EXPECT_EQ(compiler.Compile("int main() {}", absl::InfiniteFuture()), build);
  EXPECT_NE(
      compiler.Compile("int main() { return 0; }", absl::InfiniteFuture()),
      build);
}

TEST_F(CodeRuleTest, CppIsJudged) {
  Json sum = kSum;
  sum["language"] = "cpp";
  const std::string good =
      "#include <bits/stdc++.h>\nint main() { long a, b; std::cin >> a >> b; "
      "std::cout << a + b; }";
  EXPECT_EQ(Score(good, sum).value, 1) << Score(good, sum).detail;
  const std::tuple<const char*, const char*> rows[] = {
      {"int main() { return x; }", "CE: "},
      {"#include \"/etc/shadow\"\nint main() {}", "CE: "},
      {"#include </dev/zero>\nint main() {}", "CE: "},
      {"int main() { return 1; }", "RE: test 1: exit 1"},
      {"#include <cstdlib>\nint main() { abort(); }", "RE: test 1: signal 6"},
      {"int main() { for (volatile int i = 0;;) i = i + 1; }", "TLE: test 1"},
      {"template <int N> struct A { A<N + 1> a; A<N + 2> b; };\n"
       "A<0> a;\nint main() {}",
       "CE: "},
      {"#include <cstdio>\nint main() { puts(\"3\"); }", "WA: test 2"},
  };
  for (const auto& [program, detail] : rows) {
    const RuleResult result = Score(program, sum);
    EXPECT_EQ(result.kind, REWARD_SCORE) << program;
    EXPECT_EQ(result.value, 0) << program;
    EXPECT_THAT(result.detail, StartsWith(detail)) << program;
  }
}

TEST_F(CodeRuleTest, FractionCountsTheTestsPassed) {
  options_.is_fraction = true;
  Json tests =
      Json::parse(R"j({"stdin_tests": [["1", "1"], ["2", "9"], ["3", "3"]]})j");
  EXPECT_DOUBLE_EQ(Score("print(input())", tests).value, 2 / 3.0);
  tests = Json::parse(
      R"j({"entry_point": "f", "test": ["assert f(1) == 1",
                                        "assert f(2) == 9"]})j");
  EXPECT_DOUBLE_EQ(Score("def f(x): return x", tests).value, 0.5);
}

TEST_F(CodeRuleTest, ACheckerDecidesInPlaceOfAComparison) {
  Json reference = kSum;
  reference["checker"] = {
      {"language", "python"},
      {"source",
       "import sys\n"
       "got = open(sys.argv[2]).read().split()\n"
       "want = open(sys.argv[3]).read().split()\n"
       "sys.exit(0 if got[:1] == ['about'] and got[1:] == want else 1)"}};
  EXPECT_EQ(
      Score("print('about', sum(map(int, input().split())))", reference).value,
      1);
  EXPECT_EQ(Score("print(sum(map(int, input().split())))", reference).value, 0);
  reference["checker"]["source"] = "import sys\nsys.exit(3)";
  const RuleResult broken = Score("print(1)", reference);
  EXPECT_EQ(broken.kind, REWARD_ABSTAIN);
  EXPECT_THAT(broken.detail, HasSubstr("unusable: test 1: checker"));
  reference["checker"] = {{"language", "cpp"}, {"source", "int main() {"}};
  const RuleResult no_checker = Score("print(1)", reference);
  EXPECT_EQ(no_checker.kind, REWARD_ABSTAIN);
  EXPECT_THAT(no_checker.detail, HasSubstr("the checker does not compile"));
}

// What says nothing about problem or program must not look like either: a
// sandbox that takes no run at these limits.
TEST_F(CodeRuleTest, AFailingSandboxIsAnErrorNotAnUnusableProblem) {
  options_.limits.processes = 0;
  Json checked = kSum;
  checked["checker"] = {{"language", "python"}, {"source", "pass"}};
  for (const Json& reference : {kSum, kAdd, checked}) {
    const RuleResult result = Score("def add(a, b): return a + b", reference);
    EXPECT_EQ(result.kind, REWARD_ERROR) << reference << result.detail;
    EXPECT_THAT(result.detail, HasSubstr("IE: ")) << reference;
    EXPECT_THAT(result.detail, HasSubstr("processes is 0")) << reference;
  }
}

TEST_F(CodeRuleTest, FunctionTestsOfBothShapes) {
  for (const Json& reference : {kAdd, kAddAsHumanEval}) {
    const RuleResult right = Score("def add(a, b): return a + b", reference);
    EXPECT_EQ(right.value, 1) << right.detail;
    const RuleResult wrong = Score("def add(a, b): return a * b", reference);
    EXPECT_EQ(wrong.value, 0);
    EXPECT_THAT(wrong.detail, StartsWith("WA: test 1: AssertionError"));
  }
}

// The problem's own helper behind the test, and the same from the candidate.
TEST_F(CodeRuleTest, HelpersOfAPromptInFrontOfTheTestAreTheTests) {
  const std::string helper = "def half(x):\n    return x / 2\n";
  const std::string check =
      "def check(candidate):\n    assert half(candidate(3)) == 3\n";
  const std::string honest = helper + "def twice(x): return 2 * x";
  const std::string hack = "def half(x): return 3\ndef twice(x): return 0";
  Json reference = {
      {"entry_point", "twice"},
      {"test", helper + "def twice(x):\n    \"\"\"Doubles.\"\"\"\n" + check}};
  EXPECT_EQ(Score(honest, reference).value, 1);
  EXPECT_EQ(Score(hack, reference).value, 0);
  reference["test"] = check;
  EXPECT_EQ(Score(honest, reference).kind, REWARD_ABSTAIN);
  reference["helpers"] = {"half"};  // the data's word: the candidate may lie
  EXPECT_EQ(Score(honest, reference).value, 1);
  reference.erase("helpers");
  reference["prompt"] = helper;
  EXPECT_EQ(Score(honest, reference).value, 1);
  EXPECT_EQ(Score(hack, reference).value, 0);
}

TEST_F(CodeRuleTest, PlainDataOfEveryKindCrosses) {
  const Json reference = {
      {"entry_point", "same"},
      {"test",
       Json::array(
           {"for v in [None, True, 0, -7, 10 ** 500, 1.5, float('inf'), "
            "'a\\u00e9"
            "\\ud800', b'x\\xff', [], [1, [2]], (1, (2,)), {1, 2}, "
            "frozenset({3}), {'a': (1, 2), 3: None}, 1 + 2j, range(3)]:\n"
            "    r = same(v)\n"
            "    assert r == v and type(r) is type(v), v",
            "assert str(same(float('nan'))) == 'nan'",
            "for t in [int, str, dict, type(None)]: assert same(t) is t",
            "x = [3, 1, 2]\nsame(x)\nassert same(x) == [3, 1, 2]",
            "assert list(same(iter([1, 2]))) == [1, 2]"})}};
  const RuleResult result = Score("def same(x): return x", reference);
  EXPECT_EQ(result.value, 1) << result.detail;
}

TEST_F(CodeRuleTest, ChangesInPlaceAndExceptionsComeBack) {
  const Json reference = {
      {"entry_point", "f"},
      {"test",
       Json::array(
           {"x = [3, 1, 2]\nf(x)\nassert x == [1, 2, 3]",
            "try:\n    f(None)\n    assert False\nexcept AttributeError:\n    "
            "pass"})}};
  const RuleResult result = Score("def f(x): x.sort()", reference);
  EXPECT_EQ(result.value, 1) << result.detail;
}

TEST_F(CodeRuleTest, FunctionHacksGetNothing) {
  options_.limits.cpu_ms = 500;
  int count = 0;
  for (const FunctionHack& hack : kFunctionHacks) {
    for (const Json& reference : {kAdd, kAddAsHumanEval}) {
      const RuleResult result = Score(hack.program, reference);
      EXPECT_EQ(result.kind, REWARD_SCORE)
          << hack.name << ": " << result.detail;
      EXPECT_EQ(result.value, 0) << hack.name << ": " << result.detail;
    }
    ++count;
  }
  EXPECT_GE(count, 20);
}

TEST_F(CodeRuleTest, UnusableTestsAbstain) {
  for (const Json& reference :
       {Json({{"entry_point", "f"}, {"test", "assert ("}}),
        Json({{"entry_point", "f"}, {"test", "pass"}}), Json({{"x", 1}})}) {
    const RuleResult result = Score("def f(): return 1", reference);
    EXPECT_EQ(result.kind, REWARD_ABSTAIN) << reference;
  }
}

// The program's own limit of real time, which would be a 0, is far away.
TEST_F(CodeRuleTest, ADeadlineIsATimeoutNotAZero) {
  options_.limits.wall_ms = 3600000;
  CodeRule rule(options_);
  RuleContext context;
  rule.Score(MakeItem("print(1)", kSum.dump()), context);  // starts it
  context.deadline = absl::Now() + absl::Milliseconds(300);
  const RuleResult result = rule.Score(
      MakeItem("import time\ntime.sleep(10000)", kSum.dump()), context);
  EXPECT_EQ(result.kind, REWARD_TIMEOUT) << result.detail;
}

// The function of the code that the test calls first.
std::string EntryPoint(const std::string& code, const std::string& test) {
  std::string found = "unknown";
  size_t first = std::string::npos;
  for (size_t at = code.find("def "); at != std::string::npos;
       at = code.find("def ", at + 1)) {
    const size_t end = code.find_first_of(" (", at + 4);
    const std::string name = code.substr(at + 4, end - at - 4);
    const size_t call = std::min(test.find(name + "("), test.find(name + " ("));
    if (call < first) {
      first = call;
      found = name;
    }
  }
  return found;
}

// The solutions of MBPP pass their own tests.
TEST_F(CodeRuleTest, MbppSolutionsPass) {
  std::ifstream in(R1_SOURCE_DIR "/tests/data/mbpp.jsonl");
  options_.limits.cpu_ms = 5000;
  rule_ = std::make_unique<CodeRule>(options_);
  std::vector<Json> rows;
  for (std::string line; std::getline(in, line);) {
    rows.push_back(Json::parse(line));
  }
  ASSERT_EQ(rows.size(), 40u);
  std::atomic<size_t> next = 0;
  std::vector<std::string> problems(rows.size());
  const auto judge = [&] {
    for (size_t i = next++; i < rows.size(); i = next++) {
      Json tests = Json::array();
      const std::string setup = rows[i].value("test_setup_code", "");
      for (const Json& test : rows[i]["test_list"]) {
        tests.push_back(absl::StrCat(setup, "\n", test.get<std::string>()));
      }
      const std::string code = rows[i]["code"];
      const std::string entry_point = EntryPoint(code, rows[i]["test_list"][0]);
      const RuleResult result =
          Score(code, {{"entry_point", entry_point}, {"test", tests}});
      if (result.kind != REWARD_SCORE || result.value != 1) {
        problems[i] = absl::StrCat(rows[i]["task_id"].get<int>(), " ",
                                   entry_point, ": ", result.detail, "\n");
      }
    }
  };
  std::thread other(judge);
  judge();
  other.join();
  EXPECT_EQ(absl::StrJoin(problems, ""), "");
}

}  // namespace
}  // namespace r1

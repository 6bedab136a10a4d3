#include "reward/code/code_reference.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/code/code_host.h"
#include "reward/code/code_options.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

TEST(CodeReferenceTest, ReadsStdinTests) {
  const auto reference = ParseCodeReference(
      R"j({"language": "cpp", "stdin_tests": [["1 2", "3"], ["2", "4"]],
          "compare": "floats", "tolerance": 0.01, "cpu_ms": 700})j",
      RunLimits());
  ASSERT_TRUE(reference.ok()) << reference.status();
  EXPECT_EQ(reference->language, ProgramLanguage::kCpp);
  ASSERT_EQ(reference->stdin_tests.size(), 2u);
  EXPECT_EQ(reference->stdin_tests[1].input, "2");
  EXPECT_EQ(reference->stdin_tests[1].expected, "4");
  EXPECT_EQ(reference->compare, CompareRule::kFloats);
  EXPECT_EQ(reference->tolerance, 0.01);
  EXPECT_EQ(reference->limits.cpu_ms, 700);
  EXPECT_EQ(reference->limits.wall_ms, RunLimits().wall_ms);
}

TEST(CodeReferenceTest, ReadsFunctionTests) {
  const auto reference = ParseCodeReference(
      R"j({"entry_point": "f", "test": ["assert f(1) == 2", "assert f(2)"]})j",
      RunLimits());
  ASSERT_TRUE(reference.ok()) << reference.status();
  EXPECT_EQ(reference->entry_point, "f");
  EXPECT_EQ(reference->function_tests.size(), 2u);
}

TEST(CodeReferenceTest, ReadsMbppRowsAsTheyAre) {
  const auto reference = ParseCodeReference(
      R"j({"text": "Doubles.", "task_id": 7, "test_setup_code": "import math",
           "code": "def helper(x):\n  return x\ndef twice (x):\n  return 2*x",
           "test_list": ["assert sorted(twice([2])) == helper(4)",
                         "assert twice(0) == 0"],
           "challenge_test_list": []})j",
      RunLimits());
  ASSERT_TRUE(reference.ok()) << reference.status();
  EXPECT_EQ(reference->entry_point, "twice");
  EXPECT_THAT(reference->function_tests,
              testing::ElementsAre(
                  "import math\nassert sorted(twice([2])) == helper(4)",
                  "import math\nassert twice(0) == 0"));
  const auto named = ParseCodeReference(
      R"j({"test_list": ["assert f(1)"], "entry_point": "f"})j", RunLimits());
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->function_tests[0], "assert f(1)");
}

TEST(CodeReferenceTest, TestsMayStandInTheAnswer) {
  for (const char* json :
       {R"j({"level": 3, "answer": {"stdin_tests": [["1", "2"]]}})j",
        R"j({"answer": "{\"stdin_tests\": [[\"1\", \"2\"]]}"})j",
        R"j({"answer": "x", "stdin_tests": [["1", "2"]]})j"}) {
    const auto reference = ParseCodeReference(json, RunLimits());
    ASSERT_TRUE(reference.ok()) << json << ": " << reference.status();
    EXPECT_EQ(reference->stdin_tests.at(0).expected, "2");
  }
}

TEST(CodeReferenceTest, ACheckerHasLimitsOfItsOwn) {
  const auto reference = ParseCodeReference(
      R"j({"stdin_tests": [["1", "2"]], "wall_ms": 7, "memory_mb": 8,
           "checker": {"source": "", "cpu_ms": 9, "memory_mb": 10}})j",
      RunLimits());
  ASSERT_TRUE(reference.ok()) << reference.status();
  EXPECT_EQ(reference->limits.wall_ms, 7);
  EXPECT_EQ(reference->limits.cpu_ms, RunLimits().cpu_ms);
  EXPECT_EQ(reference->limits.memory_mb, 8);
  const RunLimits& limits = reference->checker->limits;
  EXPECT_EQ(limits.wall_ms, 30000);
  EXPECT_EQ(limits.cpu_ms, 9);
  EXPECT_EQ(limits.memory_mb, 10);
}

TEST(CodeReferenceTest, MalformedTestsAreNamed) {
  const std::pair<const char*, const char*> rows[] = {
      {"[]", "not a JSON object"},
      {"{\"stdin_tests\": []}", "not a list with a test"},
      {"{}", "expected either stdin_tests or test, has: none"},
      {R"j({"answer": "x", "level": 3})j", "has: answer, level"},
      {R"j({"test_list": ["assert f()"], "code": "def g(): pass"})j",
       "entry_point"},
      {R"j({"stdin_tests": [["1", "2"], ["3"]]})j", "stdin_tests[1]"},
      {R"j({"stdin_tests": [[1, 2]]})j", "stdin_tests[0]"},
      {R"j({"stdin_tests": [["", ""]], "compare": "fuzzy"})j", "\"fuzzy\""},
      {R"j({"stdin_tests": [["", ""]], "language": "go"})j", "\"go\""},
      {R"j({"stdin_tests": [["", ""]], "cpu_ms": 0})j", "cpu_ms"},
      {R"j({"test": "assert f()"})j", "entry_point"},
      {R"j({"entry_point": "f()", "test": "assert f()"})j", "entry_point"},
      {R"j({"entry_point": "f", "test": " "})j", "empty"},
      {R"j({"entry_point": "f", "test": []})j", "neither"},
      {R"j({"entry_point": "f", "test": "assert f()", "language": "cpp"})j",
       "for python"},
      {R"j({"stdin_tests": [["", ""]], "checker": {}})j", "checker"},
      {R"j({"stdin_tests": [["", ""]],
            "checker": {"source": "", "wall_ms": "1"}})j",
       "checker.wall_ms is not an integer"},
  };
  for (const auto& [json, message] : rows) {
    const auto reference = ParseCodeReference(json, RunLimits());
    ASSERT_FALSE(reference.ok()) << json;
    EXPECT_THAT(std::string(reference.status().message()), HasSubstr(message))
        << json;
  }
}

TEST(CodeOptionsTest, ReadsAllKeys) {
  const auto options = CodeOptions::Parse({{"level", "full"},
                                           {"fraction", "true"},
                                           {"cpu_ms", "1500"},
                                           {"memory_mb", "99"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->level, SandboxLevel::kFull);
  EXPECT_TRUE(options->is_fraction);
  EXPECT_EQ(options->limits.cpu_ms, 1500);
  EXPECT_EQ(options->limits.memory_mb, 99);
}

TEST(CodeOptionsTest, RefusesWhatItDoesNotKnow) {
  for (const auto& [key, value, message] :
       {std::tuple("levl", "full", "unknown option \"levl\""),
        {"level", "none", "one of isolated, full"},
        {"level", "high", "one of isolated, full"},
        {"slots", "3", "unknown option \"slots\""},
        {"cache", "/etc", "unknown option \"cache\""},
        {"cpu_ms", "0", "an integer from 1 to"},
        {"fraction", "yes", "one of true, false"}}) {
    const auto options = CodeOptions::Parse({{key, value}});
    ASSERT_FALSE(options.ok()) << key;
    EXPECT_THAT(std::string(options.status().message()), HasSubstr(message));
  }
}

// What a client asks for, and what the process allows.
TEST(CodeHostTest, NoLimitIsAboveTheMost) {
  CodeHost host;
  host.max_wall_ms = 500;
  host.max_memory_mb = 64;
  RunLimits asked;
  asked.wall_ms = 3600000;
  asked.cpu_ms = 100;
  asked.memory_mb = 1 << 20;
  asked.disk_mb = 1 << 20;
  const RunLimits got = host.Clamped(asked);
  EXPECT_EQ(got.wall_ms, 500);
  EXPECT_EQ(got.cpu_ms, 100);
  EXPECT_EQ(got.memory_mb, 64);
  EXPECT_EQ(got.disk_mb, 64);
}

}  // namespace
}  // namespace r1

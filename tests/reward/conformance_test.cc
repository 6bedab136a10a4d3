// The checks of `r1 reward test`: a good reward passes all of them, and each
// fault is found by the check that is meant for it.
#include "reward/conformance/conformance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "reward/conformance/conformance_texts.h"
#include "reward/core/reference.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kCases[] = R"(
{"id": 1, "completion": "<answer>72</answer>", "reference": "72", "expect": 1}
{"id": 2, "completion": "<answer>7</answer>", "reference": "72", "expect": 0}

{"id": 3, "completion": "<answer>9</answer>", "reference": {}, "expect": "abstain"}
)";

// 1 for exactly <answer>REFERENCE</answer>, else 0.
RuleResult Exact(const RewardItem& item, const RuleContext&) {
  const auto reference = AnswerReference(item.reference());
  if (!reference.ok()) return RuleResult::Abstain("no reference");
  return RuleResult::Score(item.completion() ==
                           absl::StrCat("<answer>", *reference, "</answer>"));
}

std::map<std::string, ConformanceCheck> Check(const RuleFactory& factory,
                                              const std::string& cases) {
  RewardRegistry registry;
  EXPECT_TRUE(registry.Register("mine", factory).ok());
  ConformanceOptions options;
  options.item_limit = absl::Seconds(60);
  auto parsed = ParseGoldenCases(cases, "cases");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  options.cases = *parsed;
  std::map<std::string, ConformanceCheck> checks;
  for (ConformanceCheck& check :
       CheckConformance(registry, MakeSpec("mine", 1), options)) {
    checks[check.name] = std::move(check);
  }
  return checks;
}

// By name, why checks failed.
std::map<std::string, std::string> Failures(const RuleFactory& factory,
                                            const std::string& cases) {
  std::map<std::string, std::string> failures;
  for (const auto& [name, check] : Check(factory, cases)) {
    if (check.outcome == CheckOutcome::kFailed) failures[name] = check.detail;
  }
  return failures;
}

TEST(ConformanceTest, AGoodRewardPasses) {
  const auto checks = Check(MakeRule(Exact), kCases);
  EXPECT_EQ(checks.size(), 10u);
  for (const auto& [name, check] : checks) {
    EXPECT_EQ(check.outcome, CheckOutcome::kOk) << name << ": " << check.detail;
  }
  EXPECT_EQ(checks.at("golden").detail, "3 cases");
}

TEST(ConformanceTest, WithoutCasesSomeAreSkipped) {
  const auto checks = Check(MakeRule(Exact), "");
  for (const auto& [name, check] : checks) {
    const bool needs_cases =
        name == "golden" || name == "hacks" || name == "reference";
    EXPECT_EQ(check.outcome,
              needs_cases ? CheckOutcome::kSkipped : CheckOutcome::kOk)
        << name;
  }
}

TEST(ConformanceTest, ARewardThatReadsNoReferenceCannotBeHackedThatWay) {
  const auto checks =
      Check(MakeRule([](const RewardItem& item, const RuleContext&) {
              return RuleResult::Score(item.completion().size() > 3);
            }),
            R"({"id": 1, "completion": "long", "reference": "1", "expect": 1}
         {"id": 2, "completion": "", "reference": "1", "expect": 0})");
  EXPECT_EQ(checks.at("hacks").outcome, CheckOutcome::kSkipped);
  EXPECT_EQ(checks.at("golden").outcome, CheckOutcome::kOk);
}

TEST(ConformanceTest, GoldenCasesAreCompared) {
  EXPECT_THAT(
      Failures(
          MakeRule(Exact),
          R"({"id": 1, "completion": "x", "reference": "72", "expect": 0.5})"),
      UnorderedElementsAre(
          Pair("golden", "case 1, \"x\": expected 0.5, got 0")));
}

TEST(ConformanceTest, AFactoryThatTakesAnyOption) {
  const RuleFactory factory = [](const RuleOptions&)
      -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
    return std::make_unique<const FunctionRule>(Exact);
  };
  EXPECT_THAT(Failures(factory, kCases),
              UnorderedElementsAre(Pair("options", HasSubstr("accepted"))));
}

TEST(ConformanceTest, ARewardThatCannotStart) {
  const RuleFactory factory = [](const RuleOptions&)
      -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
    return absl::NotFoundError("no model file");
  };
  const auto checks = Check(factory, kCases);
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_THAT(checks.at("start").detail, HasSubstr("no model file"));
}

TEST(ConformanceTest, AFailureOnUnicode) {
  const auto factory =
      MakeRule([](const RewardItem& item, const RuleContext& context) {
        if (absl::StrContains(item.completion(), "\xF4\x8F\xBF\xBF")) {
          return RuleResult::Error("bad code point");
        }
        return Exact(item, context);
      });
  EXPECT_THAT(Failures(factory, kCases),
              UnorderedElementsAre(
                  Pair("unicode", HasSubstr("the last code point: error"))));
}

TEST(ConformanceTest, AFailureOnHugeTexts) {
  const auto factory =
      MakeRule([](const RewardItem& item, const RuleContext& context) {
        if (item.completion().size() > 5'000'000) {
          return RuleResult::Score(std::nan(""));
        }
        return Exact(item, context);
      });
  EXPECT_THAT(Failures(factory, kCases),
              UnorderedElementsAre(Pair("size", HasSubstr("10 MB of \"x\""))));
}

TEST(ConformanceTest, AScoreThatDependsOnTheCallBefore) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  const auto factory =
      MakeRule([calls](const RewardItem& item, const RuleContext& context) {
        const RuleResult result = Exact(item, context);
        if (item.completion() != "I do not know.") return result;
        return RuleResult::Score(++*calls % 2 * 0.125);
      });
  const auto failures = Failures(factory, kCases);
  EXPECT_THAT(failures,
              ::testing::Contains(Pair("determinism", HasSubstr("at first"))));
}

TEST(ConformanceTest, AnUnusableReferenceThatPays) {
  const auto factory =
      MakeRule([](const RewardItem& item, const RuleContext& context) {
        const RuleResult result = Exact(item, context);
        if (result.kind == REWARD_SCORE) return result;
        return RuleResult::Score(1);
      });
  const std::string cases =
      R"({"id": 1, "completion": "<answer>72</answer>", "reference": "72", "expect": 1}
         {"id": 2, "completion": "<answer>7</answer>", "reference": "72", "expect": 0})";
  EXPECT_THAT(Failures(factory, cases),
              UnorderedElementsAre(Pair("reference", HasSubstr("pays 1"))));
}

TEST(ConformanceTest, ARewardForAnyTextThatHoldsTheAnswer) {
  const auto factory = MakeRule([](const RewardItem& item, const RuleContext&) {
    const auto reference = AnswerReference(item.reference());
    if (!reference.ok()) return RuleResult::Abstain("no reference");
    return RuleResult::Score(absl::StrContains(item.completion(), *reference));
  });
  EXPECT_THAT(Failures(factory, kCases),
              UnorderedElementsAre(Pair("hacks", HasSubstr("pays 1 for"))));
}

TEST(ConformanceTest, CasesThatAreNone) {
  EXPECT_THAT(ParseGoldenCases("\n{\"id\": 1}", "c.jsonl").status().ToString(),
              HasSubstr("c.jsonl:2: \"completion\": expected a string"));
  EXPECT_THAT(
      ParseGoldenCases("{\"id\": 1, \"completion\": \"\", \"expect\": \"yes\"}",
                       "c.jsonl")
          .status()
          .ToString(),
      HasSubstr("c.jsonl:1: \"expect\": expected a number, \"abstain\" or "
                "\"error\", got \\\"yes\\\""));
}

TEST(ConformanceTextsTest, AreValidAndLarge) {
  for (const NamedText& text : UnicodeTexts()) {
    EXPECT_TRUE(IsUtf8(text.text)) << text.name;
  }
  for (const NamedText& text : HugeTexts()) {
    EXPECT_GE(text.text.size(), 10'000'000u) << text.name;
  }
  const auto hacks = HackStrings("5");
  EXPECT_THAT(hacks, ::testing::Contains("\\boxed{5"));
  EXPECT_THAT(hacks, ::testing::Not(::testing::Contains("\\boxed{5}")));
}

}  // namespace
}  // namespace r1

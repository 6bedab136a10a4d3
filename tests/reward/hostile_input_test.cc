// Every rule on inputs made to be slow or to crash: a score, and soon.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/philox.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "tests/base/time_enough.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

// What grows with its square shows in a build without sanitizers; these see the
// same code on a quarter of it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kHugeBytes = 128 << 10;
#else
constexpr size_t kHugeBytes = 512 << 10;
#endif
constexpr char kReference[] =
    R"({"nums": [3, 5, 7], "target": 22, "answer": "22", "refuse": true,
        "secret": "1", "constraints": {"words": ["22"], "of": ["22"],
        "count": 1, "order": "alphabet", "case": "lower", "form": "plain"}})";

std::string Repeat(const std::string& unit, size_t bytes) {
  std::string text;
  text.reserve(bytes + unit.size());
  while (text.size() < bytes) text += unit;
  return text;
}

// A rule reads half a megabyte within some tens of milliseconds when it is
// linear, and for hours when it is quadratic; the bound lies far from both, so
// that neither a slow machine nor a sanitizer matters, and is one of processor
// time.
constexpr absl::Duration kBound = absl::Seconds(60);

// Every rule by its name.
using Rules = std::map<std::string, std::shared_ptr<const RewardRule>>;

Rules AllRules() {
  const RewardRegistry registry = BuiltinRewardRules();
  Rules rules;
  for (const std::string& name : registry.Names()) {
    if (name == "code") continue;  // runs programs: tests/reward/code/
    auto made = registry.Make(name, {});
    if (!made.ok()) continue;  // a rule that needs an option
    rules[name] = *std::move(made);
  }
  return rules;
}

void ExpectScored(const Rules& rules, const std::string& completion,
                  const std::string& what) {
  const RewardItem item = MakeItem(completion, kReference);
  RuleContext context;
  context.max_new_tokens = 256;
  for (const auto& [name, rule] : rules) {
    const absl::Duration start = ThreadCpuTime();
    const RuleResult result = ScoreOne(*rule, item, context);
    EXPECT_LT(ThreadCpuTime() - start, kBound) << name << " on " << what;
    // It is for texts that state a sum.
    if (name == "true_steps" && result.kind == REWARD_NOT_APPLICABLE) continue;
    EXPECT_EQ(result.kind, REWARD_SCORE) << name << " on " << what;
    EXPECT_GE(result.value, rule->range().lowest) << name << " on " << what;
    EXPECT_LE(result.value, rule->range().highest) << name << " on " << what;
    EXPECT_LE(result.detail.size(), 300u) << name << " on " << what;
  }
}

TEST(HostileInputTest, HalfAMegabyteOfAnythingIsReadInLinearTime) {
  const Rules rules = AllRules();
  const std::vector<std::string> tags = {
      "<",         "<think>",           "</think>",        "<answer>",
      "</answer>", "</answer><answer>", "<think></think>", "<thin"};
  const std::vector<std::string> symbols = {
      "(",        ")",        "()",     "-",
      "1+",       "1",        "1,111,", "1,",
      "1/",       "1.",       "=",      " ",
      "\xC3\x97", "\xE2\x88", "\xFF",   std::string(1, '\0')};
  for (const std::string& unit : tags) {
    ExpectScored(rules, Repeat(unit, kHugeBytes), "half a megabyte of " + unit);
  }
  for (const std::string& unit : symbols) {
    const std::string huge = Repeat(unit, kHugeBytes);
    ExpectScored(rules, huge, "half a megabyte of " + unit);
    ExpectScored(rules, "<think></think><answer>" + huge + "</answer>",
                 "an answer of half a megabyte of " + unit);
  }
}

TEST(HostileInputTest, RandomMixturesOfTagsAndSymbolsNeverFail) {
  const Rules rules = AllRules();
  const std::vector<std::string> pieces = {"<think>",
                                           "</think>",
                                           "<answer>",
                                           "</answer>",
                                           "3",
                                           "5",
                                           "7",
                                           "22",
                                           "+",
                                           "-",
                                           "*",
                                           "/",
                                           "(",
                                           ")",
                                           "=",
                                           ".",
                                           ",",
                                           " ",
                                           "\n",
                                           "<",
                                           "\xE2\x88\x92",
                                           "\xC3",
                                           "\xFF",
                                           std::string(1, '\0'),
                                           "999999999999999999",
                                           "0",
                                           "a"};
  RandomSequence random(7, RandomStream::kData, 0, 0);
  for (int i = 0; i < 10000; ++i) {
    std::string completion;
    const uint32_t length = random.NextBelow(24);
    for (uint32_t j = 0; j < length; ++j) {
      completion += pieces[random.NextBelow(pieces.size())];
    }
    ExpectScored(rules, completion, completion);
  }
}

// Strict rules never pay for what lenient ones refuse.
TEST(HostileInputTest, LenientRulesAcceptAllThatStrictOnesDo) {
  const Rules rules = AllRules();
  const std::vector<std::string> pieces = {
      "<think>", "</think>", "<answer>", "</answer>", "3*5+7", "22",
      "(3*5)+7", "22.0",     "=22",      " ",         "a"};
  RandomSequence random(11, RandomStream::kData, 0, 0);
  int num_accepted = 0;
  for (int i = 0; i < 40000; ++i) {
    std::string completion;
    const uint32_t length = 1 + random.NextBelow(8);
    for (uint32_t j = 0; j < length; ++j) {
      completion += pieces[random.NextBelow(pieces.size())];
    }
    const RewardItem item = MakeItem(completion, kReference);
    for (const std::string name : {"format", "countdown", "exact_answer"}) {
      const double strict = ScoreOne(*rules.at(name), item).value;
      const double lenient = ScoreOne(*rules.at(name + "_lenient"), item).value;
      EXPECT_LE(strict, lenient) << name << ": " << completion;
      num_accepted += strict == 1 ? 1 : 0;
    }
  }
  EXPECT_GT(num_accepted, 100);
}

}  // namespace
}  // namespace r1

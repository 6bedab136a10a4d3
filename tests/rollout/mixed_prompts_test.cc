#include "rollout/mixed_prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Problem i of task NAME.
class Numbered : public PromptSource {
 public:
  explicit Numbered(std::string name) : name_(std::move(name)) {}
  absl::StatusOr<Prompt> Train(uint64_t index) const override {
    Prompt prompt;
    prompt.set_id(index);
    prompt.set_source(absl::StrCat(name_, "-", index));
    prompt.set_reference(index % 2 == 0 ? " { }" : "{\"answer\": 1e22}");
    return prompt;
  }
  absl::StatusOr<std::vector<Prompt>> HeldOut(int64_t count) const override {
    std::vector<Prompt> prompts;
    for (int64_t i = 0; i < count; ++i) prompts.push_back(*Train(i));
    return prompts;
  }
  std::string DataHash() const override { return name_; }

 private:
  std::string name_;
};

MixedPrompts Mix(const std::vector<std::pair<std::string, double>>& shares) {
  std::vector<TaskPrompts> tasks;
  for (const auto& [name, share] : shares) {
    tasks.push_back({name, share, std::make_unique<Numbered>(name)});
  }
  return MixedPrompts(std::move(tasks));
}

TEST(MixedPromptsTest, EveryTaskHasItsShareOfAnyStretchAndAllItsProblems) {
  const MixedPrompts mix = Mix({{"a", 1}, {"b", 2}, {"c", 0.5}});
  std::map<char, int64_t> count;
  std::set<std::string> seen;
  for (uint64_t i = 0; i < 7000; ++i) {
    const Prompt prompt = *mix.Train(i);
    EXPECT_EQ(prompt.id(), i);
    const char task = prompt.source()[0];
    // The next problem of its task, in order.
    EXPECT_EQ(prompt.source(),
              absl::StrCat(std::string(1, task), "-", count[task]++));
    // Never a whole prompt ahead or behind by more than the number of tasks.
    for (const auto& [name, share] :
         {std::pair{'a', 1.0}, {'b', 2.0}, {'c', 0.5}}) {
      EXPECT_NEAR(count[name], (i + 1) * share / 3.5, 1.5 + (i + 1) * 5e-4);
    }
  }
  EXPECT_EQ(count['a'] + count['b'] + count['c'], 7000);
}

TEST(MixedPromptsTest, AReferenceTellsTheTaskAndKeepsItsSpelling) {
  EXPECT_EQ(WithTask("{}", "a"), "{\"r1_task\":\"a\"}");
  EXPECT_EQ(WithTask(" { }", "a\"b"), "{\"r1_task\":\"a\\\"b\"}");
  EXPECT_EQ(WithTask("{\"n\": 1e22, \"o\": {\"x\": 0.10}}", "a"),
            "{\"r1_task\":\"a\",\"n\": 1e22, \"o\": {\"x\": 0.10}}");
}

TEST(MixedPromptsTest, HeldOutProblemsAreOfEachTaskWithIdsOfTheirOwn) {
  const MixedPrompts mix = Mix({{"a", 1}, {"b", 9}});
  const auto prompts = *mix.HeldOut(3);
  ASSERT_THAT(prompts, SizeIs(6));
  std::set<uint64_t> ids;
  for (const Prompt& prompt : prompts) {
    EXPECT_GE(prompt.id(), uint64_t{1} << 47);
    EXPECT_LT(prompt.id(), uint64_t{1} << 48);
    ids.insert(prompt.id());
  }
  EXPECT_THAT(ids, SizeIs(6));
  EXPECT_THAT(prompts[4].reference(), HasSubstr("\"r1_task\":\"b\""));
  // More problems leave the first ones as they are.
  EXPECT_EQ((*mix.HeldOut(9))[9].id(), prompts[3].id());
}

TEST(MixedPromptsTest, AnotherShareIsOtherData) {
  EXPECT_NE(Mix({{"a", 1}, {"b", 2}}).DataHash(),
            Mix({{"a", 1}, {"b", 3}}).DataHash());
}

}  // namespace
}  // namespace r1

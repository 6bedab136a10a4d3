#include "reward/service/reply_check.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

ScoreRequest MakeRequest() {
  ScoreRequest request;
  for (const char* id : {"a", "b"}) *request.add_items() = MakeItem("", "", id);
  *request.add_rules() = MakeSpec("countdown", 1);
  *request.add_rules() = MakeSpec("overlong", 0);
  *request.add_rules() = MakeSpec("format", 1);
  return request;
}

RewardResult MakeResult(const std::string& id,
                        const std::vector<std::string>& components) {
  RewardResult result;
  result.set_id(id);
  result.set_kind(REWARD_SCORE);
  result.set_total(1);
  for (const std::string& name : components) {
    RewardComponent* component = result.add_components();
    component->set_name(name);
    component->set_value(0.5);
  }
  return result;
}

RewardResult GoodResult(const std::string& id) {
  return MakeResult(id, {"countdown", "overlong", "format"});
}

// The checked result of "a" when the server gives `result` for it.
RewardResult Checked(const RewardResult& result) {
  ScoreReply reply;
  *reply.add_results() = result;
  *reply.add_results() = GoodResult("b");
  int num_unknown = -1;
  const auto results =
      CheckedResults(MakeRequest(), reply, "host:1", &num_unknown);
  EXPECT_EQ(results.size(), 2u);
  EXPECT_EQ(num_unknown, 0);
  EXPECT_EQ(results[1].SerializeAsString(),
            GoodResult("b").SerializeAsString());
  return results[0];
}

TEST(CheckedResultsTest, ARuleThatDoesNotApplyNeedsNoComponent) {
  RewardResult result = MakeResult("a", {"overlong", "format"});
  EXPECT_THAT(Checked(result).detail(), HasSubstr("\"countdown\" is missing"));
  result.add_not_applicable("countdown");
  EXPECT_EQ(Checked(result).SerializeAsString(), result.SerializeAsString());
  result.add_not_applicable("format");
  EXPECT_EQ(Checked(result).kind(), REWARD_ERROR);
  EXPECT_THAT(Checked(result).detail(),
              HasSubstr("\"format\" does not apply and has a component"));
}

TEST(CheckedResultsTest, AResultThatDoesNotApplyAbstains) {
  RewardResult result = MakeResult("a", {});
  result.set_kind(REWARD_NOT_APPLICABLE);
  result.set_detail("not for this sample");
  const RewardResult checked = Checked(result);
  EXPECT_EQ(checked.kind(), REWARD_ABSTAIN);
  EXPECT_EQ(checked.detail(), "not for this sample");
  EXPECT_THAT(checked.not_applicable(),
              ::testing::ElementsAre("countdown", "overlong", "format"));
}

TEST(CheckedResultsTest, MetricsAreFinite) {
  RewardResult result = GoodResult("a");
  (*result.mutable_metrics())["countdown/length"] = 3;
  EXPECT_EQ(Checked(result).kind(), REWARD_SCORE);
  (*result.mutable_metrics())["countdown/length"] = std::nan("");
  EXPECT_EQ(Checked(result).kind(), REWARD_ERROR);
  EXPECT_THAT(Checked(result).detail(),
              HasSubstr("the metric \"countdown/length\" is nan"));
}

TEST(CheckedResultsTest, GoodResultsPassInTheOrderOfTheItems) {
  ScoreReply reply;
  *reply.add_results() = GoodResult("b");
  *reply.add_results() = GoodResult("a");
  int num_unknown = -1;
  const auto results = CheckedResults(MakeRequest(), reply, "s", &num_unknown);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].SerializeAsString(),
            GoodResult("a").SerializeAsString());
  EXPECT_EQ(results[1].SerializeAsString(),
            GoodResult("b").SerializeAsString());
  EXPECT_EQ(num_unknown, 0);
}

TEST(CheckedResultsTest, AMetricMayBeMissingAndFailuresNeedNoComponents) {
  EXPECT_EQ(Checked(MakeResult("a", {"countdown", "format"})).kind(),
            REWARD_SCORE);
  RewardResult abstained = MakeResult("a", {"format"});
  abstained.set_kind(REWARD_ABSTAIN);
  EXPECT_EQ(Checked(abstained).kind(), REWARD_ABSTAIN);
}

TEST(CheckedResultsTest, BeforeItsStepARuleIsAMetric) {
  ScoreRequest request = MakeRequest();
  request.mutable_items()->RemoveLast();
  request.mutable_rules(0)->set_from_step(5);
  const auto kind_at = [&](int64_t step) {
    request.set_step(step);
    ScoreReply reply;
    *reply.add_results() = MakeResult("a", {"overlong", "format"});
    int num_unknown = 0;
    return CheckedResults(request, reply, "s", &num_unknown)[0].kind();
  };
  EXPECT_EQ(kind_at(4), REWARD_SCORE);
  EXPECT_EQ(kind_at(5), REWARD_ERROR);
  EXPECT_EQ(kind_at(0), REWARD_ERROR);
}

TEST(CheckedResultsTest, BrokenResultsBecomeErrorsThatNameTheSample) {
  const double nan = std::nan("");
  const double infinity = std::numeric_limits<double>::infinity();
  struct Case {
    RewardResult result;
    std::string problem;
  };
  std::vector<Case> cases = {
      {GoodResult("a"), "unknown kind 0"},
      {GoodResult("a"), "unknown kind 9"},
      {GoodResult("a"), "the total is nan"},
      {GoodResult("a"), "the total is -inf"},
      {GoodResult("a"), "component \"overlong\" is inf"},
      {MakeResult("a", {"countdown"}), "component \"format\" is missing"},
      {MakeResult("a", {"format", "countdown"}),
       "component \"countdown\" is missing"},
      {MakeResult("a", {"countdown", "format", "extra\n"}),
       "component \"extra\\n\" is not the next rule"},
      {MakeResult("a", {}), "component \"countdown\" is missing"},
  };
  cases[0].result.set_kind(REWARD_UNSPECIFIED);
  cases[1].result.set_kind(static_cast<RewardKind>(9));
  cases[2].result.set_total(nan);
  cases[3].result.set_total(-infinity);
  cases[4].result.mutable_components(1)->set_value(infinity);
  for (const Case& c : cases) {
    const RewardResult checked = Checked(c.result);
    EXPECT_EQ(checked.id(), "a");
    EXPECT_EQ(checked.kind(), REWARD_ERROR) << c.problem;
    EXPECT_THAT(checked.detail(), HasSubstr("sample a: reward server host:1"));
    EXPECT_THAT(checked.detail(), HasSubstr(c.problem));
    EXPECT_EQ(checked.components_size(), 0);
  }
}

TEST(CheckedResultsTest, MissingDoubleAndUnknownIds) {
  ScoreReply reply;
  *reply.add_results() = GoodResult("b");
  *reply.add_results() = GoodResult("stranger");
  *reply.add_results() = GoodResult("b");
  *reply.add_results() = GoodResult("");
  int num_unknown = 0;
  const auto results = CheckedResults(MakeRequest(), reply, "s", &num_unknown);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(num_unknown, 2);
  EXPECT_EQ(results[0].id(), "a");
  EXPECT_EQ(results[0].kind(), REWARD_ERROR);
  EXPECT_THAT(results[0].detail(), HasSubstr("0 results, expected one"));
  EXPECT_EQ(results[1].id(), "b");
  EXPECT_EQ(results[1].kind(), REWARD_ERROR);
  EXPECT_THAT(results[1].detail(), HasSubstr("2 results, expected one"));
}

}  // namespace
}  // namespace r1

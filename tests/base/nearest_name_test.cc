#include "base/nearest_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string> kNames = {"steps", "prompts", "group_size",
                                         "learning_rate", "temperature"};

TEST(NearestNameTest, DistanceCountsEdits) {
  EXPECT_EQ(NameDistance("steps", "steps"), 0);
  EXPECT_EQ(NameDistance("stepz", "steps"), 1);   // replaced
  EXPECT_EQ(NameDistance("stps", "steps"), 1);    // missing
  EXPECT_EQ(NameDistance("stteps", "steps"), 1);  // too many
  EXPECT_EQ(NameDistance("setps", "steps"), 1);   // swapped
  EXPECT_EQ(NameDistance("kitten", "sitting"), 3);
  EXPECT_EQ(NameDistance("", "abc"), 3);
  EXPECT_EQ(NameDistance("abc", ""), 3);
}

TEST(NearestNameTest, CaseAndDashesAreNoEdits) {
  EXPECT_EQ(NameDistance("Group-Size", "group_size"), 0);
}

TEST(NearestNameTest, NameCutShortIsOneEdit) {
  EXPECT_EQ(NameDistance("temp", "temperature"), 1);
  EXPECT_EQ(NameDistance("te", "temperature"), 9);
}

TEST(NearestNameTest, FindsTheTypo) {
  EXPECT_THAT(NearestNames("promts", kNames), ElementsAre("prompts"));
  EXPECT_THAT(NearestNames("learningrate", kNames),
              ElementsAre("learning_rate"));
}

TEST(NearestNameTest, NothingCloseGivesNothing) {
  EXPECT_THAT(NearestNames("banana", kNames), IsEmpty());
  EXPECT_THAT(NearestNames("x", {}), IsEmpty());
}

TEST(NearestNameTest, TiesAreAllNamedUpToThree) {
  EXPECT_THAT(NearestNames("aa", {"ab", "ac", "ad", "ae", "zzz"}),
              ElementsAre("ab", "ac", "ad"));
}

TEST(NearestNameTest, QuestionJoinsNames) {
  EXPECT_EQ(DidYouMean({}), "");
  EXPECT_EQ(DidYouMean({"a"}), "; did you mean \"a\"?");
  EXPECT_EQ(DidYouMean({"a", "b", "c"}),
            "; did you mean \"a\", \"b\" or \"c\"?");
}

}  // namespace
}  // namespace r1

#include "learner/packing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

namespace r1 {
namespace {

using testing::ElementsAre;

// Paper section 2.1: 512 questions x 16 = 8,192 outputs, 16 updates of 512.
TEST(SplitIntoMinibatches, PaperRolloutGives16UpdatesOf512) {
  const auto split = SplitIntoMinibatches(512 * 16, 16, 1, 0, 0);
  ASSERT_EQ(split.size(), 16);
  std::vector<int> all;
  int whole_groups = 0;
  for (const std::vector<int>& minibatch : split) {
    EXPECT_EQ(minibatch.size(), 512);
    EXPECT_TRUE(std::is_sorted(minibatch.begin(), minibatch.end()));
    all.insert(all.end(), minibatch.begin(), minibatch.end());
    std::set<int> groups;
    for (int i : minibatch) groups.insert(i / 16);
    whole_groups += groups.size() == 32;
    // 512 draws over 512 groups: about 512 (1 - 1/e) = 324 different ones, with
    // a standard deviation below 10.
    EXPECT_NEAR(groups.size(), 324, 60);
  }
  EXPECT_EQ(whole_groups, 0) << "outputs are dealt, not groups";
  std::sort(all.begin(), all.end());
  std::vector<int> expected(512 * 16);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all, expected);
}

TEST(SplitIntoMinibatches, SizesDifferByAtMostOne) {
  const auto split = SplitIntoMinibatches(11, 4, 1, 0, 0);
  EXPECT_EQ(split[0].size(), 3);
  EXPECT_EQ(split[1].size(), 3);
  EXPECT_EQ(split[2].size(), 3);
  EXPECT_EQ(split[3].size(), 2);
  const auto sparse = SplitIntoMinibatches(2, 3, 1, 0, 0);
  EXPECT_EQ(sparse[0].size(), 1);
  EXPECT_TRUE(sparse[2].empty());
}

TEST(SplitIntoMinibatches, DependsOnSeedStepAndEpochAlone) {
  const auto base = SplitIntoMinibatches(64, 4, 1, 5, 0);
  EXPECT_EQ(base, SplitIntoMinibatches(64, 4, 1, 5, 0));
  EXPECT_NE(base, SplitIntoMinibatches(64, 4, 2, 5, 0));
  EXPECT_NE(base, SplitIntoMinibatches(64, 4, 1, 6, 0));
  EXPECT_NE(base, SplitIntoMinibatches(64, 4, 1, 5, 1));
}

TEST(CutIntoMicrobatches, FillsUpAndLetsLongOnesStandAlone) {
  const auto cut = CutIntoMicrobatches({3, 4, 3, 20, 1, 10}, 10);
  std::vector<std::pair<int, int>> ranges;
  for (IndexRange r : cut) ranges.emplace_back(r.begin, r.end);
  using P = std::pair<int, int>;
  EXPECT_THAT(ranges, ElementsAre(P(0, 3), P(3, 4), P(4, 5), P(5, 6)));
  EXPECT_TRUE(CutIntoMicrobatches({}, 10).empty());
}

TEST(Pack, ConcatenatesAndScoresFromTheFirstCompletionToken) {
  const TrainSequence a{{10, 11, 12, 13}, 2};  // completion 12 13
  const TrainSequence b{{20, 21, 22}, 1};      // completion 21 22
  const PackedBatch batch = Pack({&a, &b});
  EXPECT_THAT(batch.tokens.tokens, ElementsAre(10, 11, 12, 13, 20, 21, 22));
  EXPECT_THAT(batch.tokens.seq_offsets, ElementsAre(0, 4, 7));
  // The row before a scored token predicts it.
  EXPECT_THAT(batch.tokens.scored_rows, ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(batch.scored_offsets, ElementsAre(0, 2, 4));
}

TEST(PackGroups, APromptStandsOnceAfterItsSamples) {
  const TrainSequence a{{10, 11, 12, 13, 14}, 2};  // completion 12 13 14
  const TrainSequence b{{10, 11, 22}, 2};          // completion 22
  const TrainSequence c{{10, 11, 22}, 1};          // another prompt: 10
  const auto batches = PackGroups({&a, &b, &c}, 100);
  ASSERT_EQ(batches.size(), 1u);
  const PackedTokens& tokens = batches[0].packed.tokens;
  // The last token of a sequence predicts nothing; c, alone, is whole.
  EXPECT_THAT(tokens.tokens, ElementsAre(12, 13, 10, 11, 10, 11, 22));
  EXPECT_THAT(tokens.seq_offsets, ElementsAre(0, 2, 2, 4, 7));
  EXPECT_THAT(tokens.first_positions, ElementsAre(2, 2, 0, 0));
  EXPECT_THAT(tokens.scored_rows, ElementsAre(3, 0, 1, 3, 4, 5));
  EXPECT_THAT(tokens.targets, ElementsAre(12, 13, 14, 22, 11, 22));
  EXPECT_THAT(batches[0].packed.scored_offsets, ElementsAre(0, 3, 4, 6));
  EXPECT_FALSE(tokens.continues_prompt || tokens.leaves_prompt);
}

// Groups of 2 x (4 own rows) and 2, of 3 x 4 and 2, and one sample of 4 rows.
TEST(PackGroups, CutsAGroupOnlyWhereItFitsIntoNoBatch) {
  const auto sample = [](int prompt, int completion) {
    TrainSequence s{{prompt, 1}, 2};
    s.tokens.insert(s.tokens.end(), completion, 7);
    return s;
  };
  const std::vector<TrainSequence> samples = {sample(1, 5), sample(1, 5),
                                              sample(2, 5), sample(2, 5),
                                              sample(2, 5), sample(3, 2)};
  std::vector<const TrainSequence*> sequences;
  for (const TrainSequence& s : samples) sequences.push_back(&s);
  using Cut = std::tuple<int, int, bool, bool>;
  const auto cut = [&](int64_t max_tokens) {
    std::vector<Cut> cuts;
    for (const GroupBatch& batch : PackGroups(sequences, max_tokens)) {
      const PackedTokens& t = batch.packed.tokens;
      cuts.emplace_back(batch.samples.begin, batch.samples.end,
                        t.continues_prompt, t.leaves_prompt);
      EXPECT_TRUE(t.tokens.size() <= max_tokens || batch.samples.size() == 1);
    }
    return cuts;
  };
  EXPECT_THAT(cut(28), ElementsAre(Cut(0, 6, false, false)));
  EXPECT_THAT(cut(27),
              ElementsAre(Cut(0, 5, false, false), Cut(5, 6, false, false)));
  EXPECT_THAT(cut(23),
              ElementsAre(Cut(0, 2, false, false), Cut(2, 6, false, false)));
  EXPECT_THAT(cut(13),
              ElementsAre(Cut(0, 2, false, false), Cut(2, 4, false, true),
                          Cut(4, 6, true, false)));
  EXPECT_THAT(cut(1),
              ElementsAre(Cut(0, 1, false, true), Cut(1, 2, true, false),
                          Cut(2, 3, false, true), Cut(3, 4, true, true),
                          Cut(4, 5, true, false), Cut(5, 6, false, false)));
  sequences.clear();
  EXPECT_TRUE(cut(10).empty());
}

}  // namespace
}  // namespace r1

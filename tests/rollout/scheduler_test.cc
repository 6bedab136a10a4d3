// The scheduler's plans, step by step, without a model.
#include "rollout/scheduler.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace r1 {
namespace {

class SchedulerTest : public ::testing::Test {
 protected:
  void Make(int64_t num_pages, int max_batch, int64_t prefill_tokens = 512) {
    blocks_ = std::make_unique<BlockManager>(num_pages);
    scheduler_ = std::make_unique<Scheduler>(
        SchedulerOptions{max_batch, prefill_tokens}, blocks_.get());
  }

  Sequence* Add(uint64_t key, int prompt_length, int max_new_tokens,
                int32_t first_token = 1) {
    std::vector<int32_t> tokens(prompt_length, 2);
    tokens[0] = first_token;
    auto sequence = std::make_unique<Sequence>();
    sequence->request.key = key;
    sequence->request.prompt =
        std::make_shared<const std::vector<int32_t>>(tokens);
    sequence->max_length = prompt_length + max_new_tokens;
    Sequence* result = sequence.get();
    scheduler_->Add(std::move(sequence));
    return result;
  }

  // Plans a step and draws token 9 wherever one is due; returns the rows.
  int64_t Step() {
    scheduler_->Plan(&plan_);
    CheckPlan();
    for (const StepPlan::Draw& draw : plan_.draws) {
      draw.sequence->completion.push_back(9);
      draw.sequence->logprobs.push_back(-1);
    }
    std::vector<uint64_t> finished;
    for (const StepPlan::Draw& draw : plan_.draws) {
      if (draw.sequence->length() == draw.sequence->max_length) {
        finished.push_back(draw.sequence->request.key);
      }
    }
    for (uint64_t key : finished) scheduler_->Remove(key);
    return plan_.tokens.size();
  }

  // Every row stands in exactly one sequence, at its own position, on a page
  // that no other row of the step writes.
  void CheckPlan() {
    int64_t row = 0;
    std::vector<int> written(blocks_->num_pages(), -1);
    for (size_t s = 0; s < plan_.sequences.size(); ++s) {
      const SequenceRows& rows = plan_.sequences[s];
      ASSERT_EQ(rows.row_begin, row);
      ASSERT_GE(rows.row_count, 1);
      ASSERT_GE(rows.pages.size(), static_cast<size_t>(KvPages::PagesFor(
                                       rows.first_position + rows.row_count)));
      for (int64_t i = 0; i < rows.row_count; ++i) {
        const int64_t position = rows.first_position + i;
        ASSERT_EQ(plan_.positions[row + i], position);
        int& writer = written[rows.pages[position / kPageTokens]];
        ASSERT_TRUE(writer == -1 || writer == static_cast<int>(s));
        writer = s;
      }
      row += rows.row_count;
    }
    ASSERT_EQ(row, static_cast<int64_t>(plan_.tokens.size()));
  }

  std::unique_ptr<BlockManager> blocks_;
  std::unique_ptr<Scheduler> scheduler_;
  StepPlan plan_;
};

TEST_F(SchedulerTest, AGroupPrefillsOnceAndDrawsInTheSameStep) {
  Make(100, 8);
  for (uint64_t key = 0; key < 4; ++key) Add(key, 40, 10);
  EXPECT_EQ(Step(), 40);
  EXPECT_EQ(plan_.prefix_ends.size(), 1);
  EXPECT_EQ(plan_.prefix_ends[0].row, 39);
  EXPECT_EQ(plan_.draws.size(), 4);
  EXPECT_TRUE(plan_.page_copies.empty());
  // 40 tokens: one full page, shared, and one partly filled, copied.
  EXPECT_EQ(Step(), 4);
  EXPECT_EQ(plan_.page_copies.size(), 4);
  EXPECT_EQ(plan_.draws.size(), 4);
  for (const SequenceRows& rows : plan_.sequences) {
    EXPECT_EQ(rows.pages[0], plan_.sequences[0].pages[0]);
  }
  EXPECT_NE(plan_.sequences[0].pages[1], plan_.sequences[1].pages[1]);
  EXPECT_EQ(blocks_->num_free(), 100 - 2 - 4);
  EXPECT_EQ(Step(), 4);
  EXPECT_TRUE(plan_.page_copies.empty());
}

TEST_F(SchedulerTest, APromptThatEndsWithItsPageIsNotCopied) {
  Make(100, 8);
  Add(0, 64, 5);
  Add(1, 64, 5);
  Step();
  Step();
  EXPECT_TRUE(plan_.page_copies.empty());
  EXPECT_EQ(blocks_->num_free(), 100 - 2 - 2);
}

TEST_F(SchedulerTest, LongPromptsComeInChunksWhileOthersDecode) {
  Make(100, 8, 50);
  Add(0, 20, 30);
  EXPECT_EQ(Step(), 20);
  Add(1, 120, 30, 3);
  EXPECT_EQ(Step(), 51);
  EXPECT_EQ(Step(), 51);
  EXPECT_EQ(plan_.draws.size(), 1);
  EXPECT_EQ(Step(), 21);
  EXPECT_EQ(plan_.draws.size(), 2);
  EXPECT_EQ(Step(), 2);
}

TEST_F(SchedulerTest, SeveralPromptsShareAStep) {
  Make(100, 8, 50);
  Add(0, 20, 3, 1);
  Add(1, 20, 3, 2);
  Add(2, 20, 3, 3);
  EXPECT_EQ(Step(), 50);
  EXPECT_EQ(plan_.draws.size(), 2);
  EXPECT_EQ(Step(), 12);
  EXPECT_EQ(plan_.draws.size(), 3);
}

TEST_F(SchedulerTest, MaxBatchBoundsWhoRunsAndOthersFollow) {
  Make(100, 2);
  for (uint64_t key = 0; key < 5; ++key) Add(key, 10, 2);
  Step();
  EXPECT_EQ(scheduler_->num_running(), 2);
  int steps = 1;
  while (!scheduler_->idle()) Step(), ++steps;
  // Two tokens for each of three pairs.
  EXPECT_EQ(steps, 6);
  // The prompt stays in the cache while samples of it wait.
  EXPECT_EQ(scheduler_->stats().prefilled_tokens, 10);
  EXPECT_EQ(blocks_->num_free(), 100);
}

TEST_F(SchedulerTest, TheYoungestGivesWayAndCatchesUpLater) {
  // Two samples of 20 + 100 tokens need 4 pages each and one for the prompt.
  Make(6, 8);
  Sequence* oldest = Add(0, 20, 100);
  Sequence* youngest = Add(1, 20, 100);
  while (scheduler_->stats().preemptions == 0) Step();
  EXPECT_EQ(scheduler_->num_running(), 1);
  EXPECT_TRUE(youngest->pages.empty());
  EXPECT_FALSE(oldest->pages.empty());
  const size_t drawn = youngest->completion.size();
  EXPECT_GT(drawn, 30);
  while (scheduler_->Contains(0)) Step();
  EXPECT_EQ(youngest->completion.size(), drawn);
  // Everything it had drawn is computed again in one go.
  EXPECT_EQ(Step(), drawn);
  EXPECT_EQ(plan_.draws.size(), 1);
  while (!scheduler_->idle()) Step();
  EXPECT_EQ(blocks_->num_free(), 6);
  EXPECT_EQ(scheduler_->stats().prefilled_tokens, 20);
}

TEST_F(SchedulerTest, PromptsThatOnlyWaitGiveTheirPagesFirst) {
  Make(9, 1);
  Add(0, 33, 2, 1);   // runs, and its prompt is kept for the next sample
  Add(1, 200, 3, 2);  // needs 8 pages: more than are left
  Add(2, 33, 2, 1);
  while (scheduler_->Contains(0)) Step();
  EXPECT_EQ(blocks_->num_free(), 7);
  while (scheduler_->Contains(1)) Step();
  EXPECT_EQ(scheduler_->stats().prefilled_tokens, 233);
  while (!scheduler_->idle()) Step();
  EXPECT_EQ(scheduler_->stats().prefilled_tokens, 266);
  EXPECT_EQ(scheduler_->stats().preemptions, 0);
  EXPECT_EQ(blocks_->num_free(), 9);
}

TEST_F(SchedulerTest, EveryPageComesBackInATightPool) {
  Make(7, 16, 13);
  for (uint64_t key = 0; key < 30; ++key) {
    Add(key, 5 + 29 * (key % 4), 1 + 17 * (key % 5), 1 + key % 4);
  }
  int steps = 0;
  while (!scheduler_->idle() && steps < 100000) {
    if (steps % 50 == 49) scheduler_->Remove(steps / 50);  // cancelled
    Step();
    ++steps;
  }
  EXPECT_TRUE(scheduler_->idle());
  EXPECT_EQ(blocks_->num_free(), 7);
  EXPECT_GT(scheduler_->stats().preemptions, 0);
}

}  // namespace
}  // namespace r1

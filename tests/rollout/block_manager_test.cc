#include "rollout/block_manager.h"

#include "gtest/gtest.h"

namespace r1 {
namespace {

TEST(BlockManagerTest, HandsOutEveryPageOnceThenNone) {
  BlockManager blocks(3);
  EXPECT_EQ(blocks.Allocate(), 0);
  EXPECT_EQ(blocks.Allocate(), 1);
  EXPECT_EQ(blocks.Allocate(), 2);
  EXPECT_EQ(blocks.num_free(), 0);
  EXPECT_EQ(blocks.Allocate(), -1);
  blocks.Release(1);
  EXPECT_EQ(blocks.num_free(), 1);
  EXPECT_EQ(blocks.Allocate(), 1);
}

TEST(BlockManagerTest, ASharedPageLivesUntilItsLastHolderLetsGo) {
  BlockManager blocks(2);
  const int32_t page = blocks.Allocate();
  blocks.Share(page);
  blocks.Share(page);
  blocks.Release(page);
  blocks.Release(page);
  EXPECT_EQ(blocks.num_free(), 1);
  blocks.Release(page);
  EXPECT_EQ(blocks.num_free(), 2);
}

TEST(BlockManagerTest, UsedPagesComeBackBeforeUntouchedOnes) {
  BlockManager blocks(100);
  const int32_t page = blocks.Allocate();
  blocks.Release(page);
  EXPECT_EQ(blocks.Allocate(), page);
}

TEST(BlockManagerDeathTest, ReleasingAFreePageAborts) {
  BlockManager blocks(2);
  EXPECT_DEATH(blocks.Release(1), "only a page in use");
}

}  // namespace
}  // namespace r1

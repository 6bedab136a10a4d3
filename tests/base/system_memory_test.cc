#include "base/system_memory.h"

#include <gtest/gtest.h>

#include <string>

#include "base/file.h"
#include "tests/model/file_test_util.h"

namespace r1 {
namespace {

constexpr int64_t kMost = int64_t{1} << 40;

class MemoryLimitTest : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    const std::string path = folder_.path() + "/" + name;
    ASSERT_TRUE(MakeDirectories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(WriteFileAtomic(path, text).ok());
  }
  int64_t LimitOf(const std::string& groups) {
    return MemoryLimitOf(groups, folder_.path(), kMost);
  }

  TemporaryFolder folder_;
};

TEST_F(MemoryLimitTest, IsTheLeastOfTheGroupAndThoseAbove) {
  Write("job/memory.max", "4096\n");
  Write("job/step/memory.max", "max\n");
  EXPECT_EQ(LimitOf("0::/job/step\n"), 4096);
  Write("job/step/memory.max", "1024\n");
  EXPECT_EQ(LimitOf("0::/job/step\n"), 1024);
  EXPECT_EQ(LimitOf("0::/other\n"), kMost);
}

// Of a container that knows its group by the name outside.
TEST_F(MemoryLimitTest, TheRootsOwnLimitCounts) {
  Write("memory.max", "2048\n");
  EXPECT_EQ(LimitOf("0::/docker/abc\n"), 2048);
  EXPECT_EQ(LimitOf("0::/\n"), 2048);
}

TEST_F(MemoryLimitTest, OfVersionOne) {
  Write("memory/slurm/job/memory.limit_in_bytes", "8192\n");
  EXPECT_EQ(LimitOf("5:cpu,cpuacct:/slurm/job\n4:memory:/slurm/job\n"), 8192);
  EXPECT_EQ(LimitOf("5:cpu,cpuacct:/slurm/job\n"), kMost);
}

TEST_F(MemoryLimitTest, NonsenseIsNoLimit) {
  Write("memory.max", "a lot\n");
  EXPECT_EQ(LimitOf("nonsense\n0::/\n:\n"), kMost);
  EXPECT_EQ(LimitOf(""), kMost);
}

TEST(SystemMemoryTest, IsPlausible) {
  EXPECT_GT(SystemMemoryBytes(), int64_t{1} << 20);
}

}  // namespace
}  // namespace r1

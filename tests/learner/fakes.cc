#include "tests/learner/fakes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace r1 {

ScratchFolder::ScratchFolder() {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  path_ = absl::StrCat(testing::TempDir(), "/r1_", ::getpid(), "_",
                       test->test_suite_name(), "_", test->name());
  EXPECT_TRUE(RemoveAll(path_).ok());
  EXPECT_TRUE(MakeDirectories(path_).ok());
}

ScratchFolder::~ScratchFolder() { EXPECT_TRUE(RemoveAll(path_).ok()); }

}  // namespace r1

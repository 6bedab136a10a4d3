#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace r1 {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest()
      : dir_(absl::StrCat(
            testing::TempDir(), "/file_test_", ::getpid(), "_",
            testing::UnitTest::GetInstance()->current_test_info()->name())) {
    EXPECT_TRUE(MakeDirectories(dir_).ok());
  }
  ~FileTest() override { EXPECT_TRUE(RemoveAll(dir_).ok()); }
  std::string Path(absl::string_view name) const {
    return absl::StrCat(dir_, "/", name);
  }
  std::string dir_;
};

TEST_F(FileTest, WriteThenReadGivesTheSameBytes) {
  const std::string content("a\0b\n\xff", 5);
  ASSERT_TRUE(WriteFileAtomic(Path("f"), content).ok());
  ASSERT_TRUE(WriteFileAtomic(Path("f"), absl::StrCat(content, "2")).ok());
  EXPECT_EQ(*ReadFile(Path("f")), absl::StrCat(content, "2"));
  EXPECT_EQ(*ListDirectory(dir_), std::vector<std::string>{"f"});
}

TEST_F(FileTest, MissingFileIsNotFoundAndNamed) {
  const auto result = ReadFile(Path("absent"));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(result.status().message()),
              testing::HasSubstr("absent"));
}

TEST_F(FileTest, PublishDirectoryRefusesToReplace) {
  ASSERT_TRUE(MakeDirectories(Path("tmp/sub")).ok());
  ASSERT_TRUE(WriteFileAtomic(Path("tmp/sub/f"), "x").ok());
  ASSERT_TRUE(PublishDirectory(Path("tmp"), Path("done")).ok());
  EXPECT_EQ(*ReadFile(Path("done/sub/f")), "x");
  ASSERT_TRUE(MakeDirectories(Path("tmp")).ok());
  EXPECT_EQ(PublishDirectory(Path("tmp"), Path("done")).code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(FileTest, SecondLockIsRefusedAndNamesTheHolder) {
  auto lock = FileLock::Acquire(Path("lock"));
  ASSERT_TRUE(lock.ok()) << lock.status();
  const auto second = FileLock::Acquire(Path("lock"));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  char host[256] = {};
  ASSERT_EQ(::gethostname(host, sizeof(host) - 1), 0);
  EXPECT_THAT(std::string(second.status().message()),
              testing::ContainsRegex(
                  absl::StrCat("lock is held by process ", ::getpid(), " on ",
                               host, ".*, since 20[0-9-]+T[0-9:]+Z: stop it")));
  lock->reset();
  EXPECT_TRUE(FileLock::Acquire(Path("lock")).ok());
}

// Whatever a process left there that is no more, longer or shorter.
TEST_F(FileTest, TextInALockThatNobodyHoldsIsHarmless) {
  for (const std::string& text :
       {std::string("process 1 on elsewhere, since 1970-01-01T00:00:00Z\n"),
        std::string("7995\n"), std::string(100000, 'x'), std::string()}) {
    ASSERT_TRUE(WriteFileAtomic(Path("lock"), text).ok());
    const auto lock = FileLock::Acquire(Path("lock"));
    ASSERT_TRUE(lock.ok()) << lock.status();
    EXPECT_THAT(*ReadFile(Path("lock")),
                testing::MatchesRegex(absl::StrCat("process ", ::getpid(),
                                                   " on .*, since .*Z\n")));
  }
}

// What may pass by itself is told from what stays as it is.
TEST_F(FileTest, ErrorsSayWhetherTryingAgainHelps) {
  for (const int error : {EAGAIN, EBUSY, EIO, EMFILE, ENOMEM, ESTALE}) {
    EXPECT_EQ(ErrnoStatus("cannot read", "x", error).code(),
              absl::StatusCode::kUnavailable)
        << error;
  }
  for (const int error : {EISDIR, ELOOP, ENAMETOOLONG, EINVAL}) {
    EXPECT_EQ(ErrnoStatus("cannot read", "x", error).code(),
              absl::StatusCode::kFailedPrecondition)
        << error;
  }
  EXPECT_EQ(ErrnoStatus("cannot write", "x", ENOSPC).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(FileTest, LockIsReleasedWhenItsHolderIsKilled) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto lock = FileLock::Acquire(Path("lock"));
    const char ok = lock.ok() ? '1' : '0';
    if (::write(ready[1], &ok, 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char ok = 0;
  ASSERT_EQ(::read(ready[0], &ok, 1), 1);
  ASSERT_EQ(ok, '1');
  EXPECT_FALSE(FileLock::Acquire(Path("lock")).ok());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(FileLock::Acquire(Path("lock")).ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace r1

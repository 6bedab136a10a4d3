// A temporary folder, and assertions on errors.
#ifndef R1_TESTS_MODEL_FILE_TEST_UTIL_H_
#define R1_TESTS_MODEL_FILE_TEST_UTIL_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/file.h"

namespace r1 {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = absl::StrCat(testing::TempDir(), "/r1_model_XXXXXX");
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { EXPECT_TRUE(RemoveAll(path_).ok()); }

  const std::string& path() const { return path_; }
  std::string File(absl::string_view name) const {
    return absl::StrCat(path_, "/", name);
  }
  // Plain, without the fsync of WriteFileAtomic: tests write thousands.
  void Write(absl::string_view name, absl::string_view content) const {
    std::ofstream file(File(name), std::ios::binary | std::ios::trunc);
    file.write(content.data(), content.size());
    EXPECT_TRUE(file.flush().good());
  }
  std::string Read(absl::string_view name) const {
    const auto content = ReadFile(File(name));
    EXPECT_TRUE(content.ok()) << content.status();
    return content.value_or("");
  }

 private:
  std::string path_;
};

// The status is an error and its message has `part`.
inline void ExpectError(const absl::Status& status, absl::string_view part,
                        absl::string_view what) {
  EXPECT_FALSE(status.ok()) << what << ": accepted";
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr(std::string(part)))
      << what;
}

}  // namespace r1

#endif  // R1_TESTS_MODEL_FILE_TEST_UTIL_H_

// A folder of a test's own, removed when the test ends.
#ifndef R1_TESTS_PIPELINE_TEST_FOLDER_H_
#define R1_TESTS_PIPELINE_TEST_FOLDER_H_

#include <cstdlib>
#include <string>

#include "base/check.h"
#include "base/file.h"
#include "gtest/gtest.h"

namespace r1 {

class TestFolder {
 public:
  TestFolder() {
    std::string name = ::testing::TempDir() + "/r1-test-XXXXXX";
    R1_CHECK(::mkdtemp(name.data()) != nullptr, "a temporary folder");
    path_ = name;
  }
  ~TestFolder() { RemoveAll(path_).IgnoreError(); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file into it and returns its path.
  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = path_ + "/" + name;
    R1_CHECK(WriteFileAtomic(path, content).ok(), "a file of the test");
    return path;
  }

 private:
  std::string path_;
};

}  // namespace r1

#endif  // R1_TESTS_PIPELINE_TEST_FOLDER_H_

// Rules of kernels/cuda that its sources show.
#include "tests/base/sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"

namespace r1 {
namespace {

using ::testing::IsEmpty;

// Where code may depend on the compiler. Elsewhere nvcc and g++ see the same,
// so that what the emulated device lacks, as atomics of floats, no kernel has.
const std::set<std::string> kTwoCompilers = {"kernels/cuda/compat.h",
                                             "kernels/cuda/launch.h",
                                             "kernels/cuda/native_device.h"};

// What is wrong with a line of kernels/cuda; empty if nothing is.
std::string Violation(const std::string& path, absl::string_view line) {
  const absl::string_view code = line.substr(0, line.find("//"));
  if (absl::StrContains(code, "<<<")) return "a launch outside Launch()";
  if (absl::StrContains(code, "rsqrtf")) return "a root that is not rounded";
  if (kTwoCompilers.contains(path)) {
    for (const absl::string_view atomic : {"\"atom.", "\"red."}) {
      if (absl::StrContains(code, atomic)) return "an atomic in PTX";
    }
    return "";
  }
  for (const absl::string_view word : {"__CUDACC__", "__CUDA_ARCH__", "asm("}) {
    // The emulator's own switch of stacks.
    if (absl::StartsWith(path, "kernels/cuda/emu/")) continue;
    if (absl::StrContains(code, word)) return "code for one compiler alone";
  }
  return "";
}

TEST(CudaSources, KeepTheRules) {
  const std::vector<std::string> paths = SourcesOf("kernels/cuda");
  EXPECT_GT(paths.size(), 20);
  for (const std::string& path : paths) {
    const auto text = ReadFile(absl::StrCat(R1_SOURCE_DIR, "/", path));
    ASSERT_TRUE(text.ok()) << text.status();
    for (absl::string_view line : absl::StrSplit(*text, '\n')) {
      EXPECT_THAT(Violation(path, line), IsEmpty()) << path << ": " << line;
    }
  }
}

TEST(CudaSources, ViolationsAreFound) {
  const std::string kernel = "kernels/cuda/rows.cu";
  EXPECT_NE(Violation(kernel, "  Kernel<<<1, 2>>>(x);"), "");
  EXPECT_NE(Violation(kernel, "#if defined(__CUDACC__)"), "");
  EXPECT_NE(Violation(kernel, "  asm(\"red.global.add.f32\");"), "");
  EXPECT_NE(Violation("kernels/cuda/native_device.h", "\"red.global.add.f32\""),
            "");
  EXPECT_EQ(Violation(kernel, "  y = x;  // not <<<"), "");
  EXPECT_EQ(Violation("kernels/cuda/compat.h", "#if defined(__CUDACC__)"), "");
}

}  // namespace
}  // namespace r1

#include "pipeline/folder/model_path.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

TEST(ModelPathTest, AFolderIsAModelARunOrNamedAsWhatItIs) {
  TestFolder model;
  model.Write("config.json", "{}");
  const auto path = ResolveModelPath(model.path());
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*path, model.path());

  TestFolder adapters;
  adapters.Write("adapter_config.json", "{}");
  const auto of_adapters = ResolveModelPath(adapters.path());
  EXPECT_EQ(of_adapters.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(of_adapters.status().message(), HasSubstr("adapters alone"));

  const TestFolder nothing;
  EXPECT_THAT(ResolveModelPath(nothing.path()).status().message(),
              HasSubstr("neither a model folder"));
}

}  // namespace
}  // namespace r1

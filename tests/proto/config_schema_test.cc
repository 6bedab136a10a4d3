// The schema itself: small, documented, bounded.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "proto/config.pb.h"
#include "proto/config_binder.h"
#include "proto/options.pb.h"

namespace r1 {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

bool IsLeaf(const SchemaKey& key) {
  return key.field->message_type() == nullptr || key.field->is_map();
}

bool IsNumber(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64 ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT;
}

TEST(ConfigSchemaTest, HasAtMostAHundredAndTwelveKeys) {
  // A section that stands in several places is learned once.
  std::set<std::string> names;
  for (const SchemaKey& key : SchemaKeys(*Recipe::descriptor())) {
    if (IsLeaf(key)) names.insert(key.field->full_name());
  }
  const int leaves = static_cast<int>(names.size());
  RecordProperty("keys", leaves);
  EXPECT_LE(leaves, 112);
  EXPECT_GE(leaves, 60) << "the walk over the schema lost keys";
}

TEST(ConfigSchemaTest, EveryKeyIsOptionalWithADefaultOrAList) {
  for (const SchemaKey& key : SchemaKeys(*Recipe::descriptor())) {
    if (key.field->is_repeated()) continue;
    EXPECT_TRUE(key.field->is_optional()) << key.path;
    EXPECT_EQ(key.field->has_default_value(), IsLeaf(key)) << key.path;
  }
}

TEST(ConfigSchemaTest, EveryNumberButTheSeedHasBoundsAroundItsDefault) {
  for (const SchemaKey& key : SchemaKeys(*Recipe::descriptor())) {
    if (!IsNumber(*key.field) || key.path == "seed") continue;
    const auto& options = key.field->options();
    EXPECT_TRUE(options.HasExtension(min)) << key.path;
    EXPECT_TRUE(options.HasExtension(max)) << key.path;
    EXPECT_LT(options.GetExtension(min), options.GetExtension(max)) << key.path;
    const bool is_float =
        key.field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT;
    const double value = is_float ? key.field->default_value_float()
                                  : key.field->default_value_int32();
    EXPECT_TRUE(IsInBounds(*key.field, value)) << key.path << " = " << value;
    if (!is_float) {
      EXPECT_LE(options.GetExtension(max), std::numeric_limits<int32_t>::max())
          << key.path << ": a bound that no value can reach";
    }
  }
}

// Comments of config.proto by message and field name, as protoc reads them.
std::map<std::string, std::string> FieldComments() {
  const auto bytes = ReadFile(R1_CONFIG_DESCRIPTOR);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  google::protobuf::FileDescriptorSet files;
  EXPECT_TRUE(files.ParseFromString(*bytes));
  std::map<std::string, std::string> comments;
  for (const auto& file : files.file()) {
    if (file.name() != "proto/config.proto") continue;
    for (const auto& location : file.source_code_info().location()) {
      const auto& path = location.path();
      // Path {4, m, 2, f}: field f of message m.
      if (path.size() != 4 || path[0] != 4 || path[2] != 2) continue;
      const auto& message = file.message_type(path[1]);
      comments[absl::StrCat(message.name(), ".",
                            message.field(path[3]).name())] =
          location.leading_comments();
    }
  }
  return comments;
}

TEST(ConfigSchemaTest, EveryKeyHasAComment) {
  const auto comments = FieldComments();
  for (const SchemaKey& key : SchemaKeys(*Recipe::descriptor())) {
    const std::string name = absl::StrCat(key.field->containing_type()->name(),
                                          ".", key.field->name());
    const auto comment = comments.find(name);
    ASSERT_NE(comment, comments.end()) << name;
    EXPECT_GE(comment->second.size(), 10) << name << " has no comment above it";
  }
}

TEST(ConfigSchemaTest, EnumNamesAreUniqueOverAllEnums) {
  // They share one C++ namespace, and a name alone must tell what is meant.
  std::set<std::string> seen;
  std::set<std::string> enums;
  for (const SchemaKey& key : SchemaKeys(*Recipe::descriptor())) {
    if (key.field->enum_type() == nullptr) continue;
    if (!enums.insert(key.field->enum_type()->name()).second) continue;
    for (const auto& name : EnumNames(*key.field->enum_type())) {
      EXPECT_TRUE(seen.insert(name).second) << name;
    }
  }
  EXPECT_GE(enums.size(), 6);
}

const FieldDescriptor& Field(const std::string& path) {
  for (const SchemaKey& key : SchemaKeys(*Recipe::descriptor())) {
    if (key.path == path || key.path == "stage." + path) return *key.field;
  }
  ADD_FAILURE() << path;
  return *Recipe::descriptor()->field(0);
}

TEST(ConfigSchemaTest, BoundsAreInclusiveAndNeverHoldForNan) {
  const auto& temperature = Field("rollout.temperature");  // 0.01 to 100
  EXPECT_TRUE(IsInBounds(temperature, 0.01));
  EXPECT_TRUE(IsInBounds(temperature, 0.01f));
  EXPECT_FALSE(IsInBounds(temperature, 0.0099));
  EXPECT_TRUE(IsInBounds(temperature, 100));
  EXPECT_FALSE(IsInBounds(temperature, 100.001));
  EXPECT_FALSE(IsInBounds(temperature, std::nan("")));
  EXPECT_FALSE(IsInBounds(temperature, 1e300));
  const auto& group_size = Field("rl.group_size");  // 2 to 4096
  EXPECT_TRUE(IsInBounds(group_size, 2));
  EXPECT_FALSE(IsInBounds(group_size, 1));
  EXPECT_TRUE(IsInBounds(group_size, 4096));
  EXPECT_FALSE(IsInBounds(group_size, 4097));
}

TEST(ConfigSchemaTest, ExpectedValueNamesTypeAndBounds) {
  EXPECT_EQ(ExpectedValue(Field("rl.group_size")), "an integer from 2 to 4096");
  EXPECT_EQ(ExpectedValue(Field("rollout.temperature")),
            "a number from 0.01 to 100");
  EXPECT_EQ(ExpectedValue(Field("rl.learning_rate")), "a number from 0 to 1");
  EXPECT_EQ(ExpectedValue(Field("seed")),
            "an integer from 0 to 18446744073709551615");
  EXPECT_EQ(ExpectedValue(Field("rl.schedule")),
            "one of CONSTANT, COSINE (without quotes)");
  EXPECT_EQ(ExpectedValue(Field("model.tie_embeddings")), "true or false");
}

TEST(ConfigSchemaTest, SuggestsTyposAndOtherSections) {
  EXPECT_THAT(SuggestKeys("rl.stepz"), ElementsAre("rl.steps"));
  EXPECT_THAT(SuggestKeys("rl.grup_size"), ElementsAre("rl.group_size"));
  EXPECT_THAT(SuggestKeys("rolout"), ElementsAre("rollout"));
  EXPECT_THAT(SuggestKeys("rl.temperature"),
              ElementsAre("rollout.temperature", "eval.temperature"));
  EXPECT_THAT(SuggestKeys("steps"), ElementsAre("supervised.steps", "rl.steps",
                                                "reward_model.steps"));
  EXPECT_THAT(SuggestKeys("rl.banana"), IsEmpty());
}

TEST(ConfigSchemaTest, WriteDefaultsKeepsWhatIsSet) {
  StageConfig config;
  config.mutable_rl()->set_steps(7);
  config.mutable_reward()->add_rule()->set_name("format");
  WriteDefaults(&config);
  EXPECT_EQ(config.rl().steps(), 7);
  EXPECT_TRUE(config.rl().has_kl_coef());
  EXPECT_EQ(config.rl().kl_coef(), 0.001f);
  EXPECT_TRUE(config.checkpoint().has_every());
  ASSERT_EQ(config.reward().rule_size(), 1);
  EXPECT_EQ(config.reward().rule(0).name(), "format");
  EXPECT_TRUE(config.reward().rule(0).has_weight());
  EXPECT_EQ(config.reward().rule(0).weight(), 1);
}

}  // namespace
}  // namespace r1

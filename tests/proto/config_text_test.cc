// The text syntax, with protobuf's own text parser as the oracle: whatever
// ParseConfig accepts, it accepts too, with the same result.
#include "proto/config_text.h"

#include <gmock/gmock.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "proto/config_binder.h"
#include "proto/recipe.h"
#include "proto/recipe_names.h"

namespace r1 {
namespace {

using ::google::protobuf::TextFormat;
using ::google::protobuf::util::MessageDifferencer;

class Silent : public google::protobuf::io::ErrorCollector {
  void AddError(int, int, const std::string&) override {}
  void AddWarning(int, int, const std::string&) override {}
};

bool ParseWithProtobuf(const std::string& text, Recipe* config) {
  Silent silent;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&silent);
  if (!parser.ParseFromString(text, config)) return false;
  FillNames(config);
  return true;
}

// What a recipe needs, before what a test is about.
constexpr char kRest[] = "task { } stage { name: 'base' supervised { } }\n";

// Both parsers accept `tested` and agree on every bit.
void ExpectSameAsProtobuf(const std::string& tested) {
  const std::string text = kRest + tested;
  const auto ours = ParseRecipe(text, "t", {});
  ASSERT_TRUE(ours.ok()) << text << "\n" << ours.status();
  Recipe theirs;
  ASSERT_TRUE(ParseWithProtobuf(text, &theirs)) << text;
  EXPECT_EQ(ours->SerializeAsString(), theirs.SerializeAsString()) << text;
}

TEST(ConfigTextTest, ReadsEverySyntaxOfTextProto) {
  ExpectSameAsProtobuf("");
  ExpectSameAsProtobuf("# only a comment");
  ExpectSameAsProtobuf("seed: 18446744073709551615 # largest");
  ExpectSameAsProtobuf("seed: 0x1F, threads: 2; stage { rl { steps: 3 } }");
  ExpectSameAsProtobuf("stage: { rl: { steps: 3 } } model < num_layers: 2 >");
  ExpectSameAsProtobuf(
      "stage { rl { kl_coef: 1 clip_low: .25 clip_high: 2.5e-1f } }");
  ExpectSameAsProtobuf("stage { rl { entropy_coef: -1e-3 tis_cap: 2. } }");
  ExpectSameAsProtobuf("stage { rl { advantage: RLOO, schedule: COSINE; } }");
  ExpectSameAsProtobuf("model { tie_embeddings: false }");
  ExpectSameAsProtobuf("model { tie_embeddings: t }");
  ExpectSameAsProtobuf("model { tie_embeddings: 0 }");
  ExpectSameAsProtobuf("model { path: 'a' \"b\"\n 'c' }");
  ExpectSameAsProtobuf(
      R"(task { name: 'x' template: "{question}\n\t\x41\101\"" })");
  ExpectSameAsProtobuf("rollout { stop: ['x', \"y\"] stop: 'z' }");
  ExpectSameAsProtobuf("rollout { stop: [] }");
  ExpectSameAsProtobuf("reward { rule { name: 'a' } rule: { name: 'b' } }");
  ExpectSameAsProtobuf("reward { rule: [{ name: 'a' }, { name: 'b' }] }");
  ExpectSameAsProtobuf(
      "reward { rule { name: 'a' option { key: 'n' value: '4' } } }");
  ExpectSameAsProtobuf(
      "model { path: '\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80' }");
}

TEST(ConfigTextTest, ResolvedTextParsesBackToTheSameBits) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    // Arbitrary bit patterns: printing does not ask whether a value is valid.
    Recipe config;
    config.set_seed((uint64_t{random()} << 32) | random());
    auto* rl = config.add_stage()->mutable_rl();
    config.add_task()->set_template_("{question} \xC3\xA9 \"q\"\n\\");
    FillNames(&config);
    rl->set_learning_rate(std::ldexp(float(random()), -32));
    rl->set_kl_coef(std::ldexp(float(random()), -40 + int(random() % 10)));
    rl->set_entropy_coef(-std::ldexp(float(random()), -33));
    config.mutable_model()->set_rope_theta(1 + std::ldexp(float(random()), -4));
    config.mutable_rollout()->add_stop("a\tb");
    const auto again = ParseRecipe(ConfigToText(config), "resolved", {});
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->SerializeAsString(), config.SerializeAsString());
  }
}

TEST(ConfigTextTest, ResolvedTextShowsCharactersAsThemselves) {
  Recipe config;
  config.mutable_model()->set_path("/mod\xC3\xA8les");
  EXPECT_THAT(ConfigToText(config), testing::HasSubstr("/mod\xC3\xA8les"));
}

TEST(ConfigTextTest, ResolvedTextKeepsOptionsInTheOrderOfTheirNames) {
  const auto config = ParseRecipe(
      "reward { rule { name: 'a' option { key: 'n' value: '4' } "
      "option { key: 'm' value: 'x y' } } } task { } stage { rl { } }",
      "t", {});
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string text = ConfigToText(*config);
  const size_t m = text.find("key: \"m\"\n      value: \"x y\"");
  const size_t n = text.find("key: \"n\"\n      value: \"4\"");
  ASSERT_NE(n, text.npos) << text;
  EXPECT_LT(m, n);
  EXPECT_EQ(ConfigToText(*ParseRecipe(text, "resolved", {})), text);
}

TEST(ConfigTextTest, AResolvedStageNamesEveryKey) {
  const auto recipe = ParseRecipe(
      "device: 'emu' task { } task { name: 'b' } stage { supervised { } } "
      "stage { rl { } "
      "lora { } learner { gradient_shards: 2 } "
      "rollout { longer { max_new_tokens: 300 } } } "
      "stage { sample { keep { rule: 'format' } } } stage { from: 'rl' "
      "reward_model { data: 'p' } } stage { compare { } }",
      "t", {});
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  std::string text;
  for (const StageConfig& stage : ResolveStages(*recipe)) {
    absl::StrAppend(&text, ConfigToText(stage));
  }
  for (const SchemaKey& key : SchemaKeys(*StageConfig::descriptor())) {
    if (key.field->is_repeated() ||
        key.field->containing_type()->name() == "WeightedRule") {
      continue;
    }
    EXPECT_THAT(text, testing::HasSubstr(key.field->name())) << key.path;
  }
  EXPECT_THAT(text, testing::StartsWith("name: \"supervised\"\nfrom: "
                                        "\"model\"\nseed: "));
}

TEST(ConfigTextTest, StagesInheritFieldByFieldAndListsAsAWhole) {
  const auto recipe = ParseRecipe(
      "seed: 7 task { name: 'a' } task { name: 'b' } "
      "rollout { temperature: 0.5 stop: 'x' stop: 'y' } "
      "stage { name: 'second' from: 'first' rl { } use { task: 'b' share: 3 } "
      "use { task: 'a' } rollout { stop: 'z' } } "
      "stage { name: 'first' from: 'model' rl { } }",
      "t", {});
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  const std::vector<StageConfig> stages = ResolveStages(*recipe);
  ASSERT_EQ(stages.size(), 2u);
  const StageConfig &first = stages[0], &second = stages[1];
  EXPECT_EQ(first.name(), "first");
  EXPECT_EQ(second.name(), "second");
  EXPECT_EQ(first.rollout().stop_size(), 2);
  ASSERT_EQ(second.rollout().stop_size(), 1);
  EXPECT_EQ(second.rollout().stop(0), "z");
  EXPECT_EQ(second.rollout().temperature(), 0.5f);
  ASSERT_EQ(second.task_size(), 2);
  EXPECT_EQ(second.task(0).name(), "b");
  EXPECT_EQ(second.share(0), 0.75f);
  EXPECT_EQ(first.share(1), 0.5f);
  // From a run's seed and the name: equal for equal names alone.
  EXPECT_NE(first.seed(), second.seed());
  const auto again = ParseRecipe(
      "seed: 7 task { } stage { name: 'first' supervised { } }", "t", {});
  EXPECT_EQ(ResolveStages(*again)[0].seed(), first.seed());
}

TEST(ConfigTextTest, MutatedTextNeverCrashesAndNeverMeansSomethingElse) {
  const std::string seed_text =
      "task { } seed: 42 threads: 2\nmodel { path: '' hidden_size: 64\n"
      "num_heads: 4 rope_theta: 1e4 tie_embeddings: true }\n"
      "stage { rl { steps: 10 learning_rate: 3e-6 advantage: GRPO } } # "
      "comment\n"
      "rollout { stop: ['</answer>', \"x\"] temperature: 0.7 }\n"
      "reward { rule { name: 'format' weight: 0.5 } }\n";
  const std::string alphabet = "{}<>[]:;,#'\"\\-+.0123456789eEfxnai _\n\t\xFF";
  std::mt19937 random(3);
  int accepted = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string text = seed_text;
    const int edits = 1 + random() % 3;
    for (int i = 0; i < edits; ++i) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = alphabet[random() % alphabet.size()];
          break;
        case 1:
          text.erase(at, 1 + random() % 5);
          break;
        default:
          text.insert(at, 1, alphabet[random() % alphabet.size()]);
      }
    }
    const auto ours = ParseRecipe(text, "t", {});
    if (!ours.ok()) {
      EXPECT_FALSE(ours.status().message().empty());
      continue;
    }
    ++accepted;
    Recipe theirs;
    ASSERT_TRUE(ParseWithProtobuf(text, &theirs)) << text;
    EXPECT_TRUE(MessageDifferencer::Equals(*ours, theirs)) << text;
  }
  // Edits in names of files or in comments leave a valid text.
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 4900);
}

TEST(ConfigTextTest, DeepNestingIsRefusedWithoutRecursion) {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += "a{";
  const auto config = ParseRecipe(text, "deep", {});
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(std::string(config.status().message()),
              testing::HasSubstr("less nesting"));
  EXPECT_LT(config.status().message().size(), 20000);
}

TEST(ConfigTextTest, HugeTextIsRefused) {
  const auto config =
      ParseRecipe(std::string((1 << 20) + 1, ' '), "huge.textproto", {});
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().message(),
            "huge.textproto: too large for a configuration: expected at most "
            "1048576 bytes, got 1048577");
}

TEST(ConfigTextTest, QuotedTextInMessagesIsShortAndOneLine) {
  EXPECT_EQ(QuoteForMessage("a\nb\"c"), R"("a\nb\"c")");
  EXPECT_EQ(QuoteForMessage(std::string(100, 'x')),
            absl::StrCat("\"", std::string(60, 'x'), "...\""));
}

}  // namespace
}  // namespace r1

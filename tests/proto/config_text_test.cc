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
#include "proto/config.h"
#include "proto/config_schema.h"

namespace r1 {
namespace {

using ::google::protobuf::TextFormat;
using ::google::protobuf::util::MessageDifferencer;

class Silent : public google::protobuf::io::ErrorCollector {
  void AddError(int, int, const std::string&) override {}
  void AddWarning(int, int, const std::string&) override {}
};

bool ParseWithProtobuf(const std::string& text, RunConfig* config) {
  Silent silent;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&silent);
  if (!parser.ParseFromString(text, config)) return false;
  WriteDefaults(config);
  return true;
}

// Both parsers accept `text` and agree on every bit.
void ExpectSameAsProtobuf(const std::string& text) {
  const auto ours = ParseConfig(text, "t", {});
  ASSERT_TRUE(ours.ok()) << text << "\n" << ours.status();
  RunConfig theirs;
  ASSERT_TRUE(ParseWithProtobuf(text, &theirs)) << text;
  EXPECT_EQ(ours->SerializeAsString(), theirs.SerializeAsString()) << text;
}

TEST(ConfigTextTest, ReadsEverySyntaxOfTextProto) {
  ExpectSameAsProtobuf("");
  ExpectSameAsProtobuf("# only a comment");
  ExpectSameAsProtobuf("seed: 18446744073709551615 # largest");
  ExpectSameAsProtobuf("seed: 0x1F, threads: 2; rl { steps: 3 }");
  ExpectSameAsProtobuf("rl: { steps: 3 } model < num_layers: 2 >");
  ExpectSameAsProtobuf("rl { kl_coef: 1 clip_low: .25 clip_high: 2.5e-1f }");
  ExpectSameAsProtobuf("rl { entropy_coef: -1e-3 tis_cap: 2. }");
  ExpectSameAsProtobuf("rl { advantage: RLOO, schedule: COSINE; }");
  ExpectSameAsProtobuf("model { tie_embeddings: false }");
  ExpectSameAsProtobuf("model { tie_embeddings: t }");
  ExpectSameAsProtobuf("model { tie_embeddings: 0 }");
  ExpectSameAsProtobuf("model { path: 'a' \"b\"\n 'c' }");
  ExpectSameAsProtobuf(R"(data { template: "{question}\n\t\x41\101\"" })");
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
  const auto keys = SchemaKeys(*RunConfig::descriptor());
  for (int round = 0; round < 200; ++round) {
    // Arbitrary bit patterns: printing does not ask whether a value is valid.
    RunConfig config;
    WriteDefaults(&config);
    config.set_seed((uint64_t{random()} << 32) | random());
    auto* rl = config.mutable_rl();
    rl->set_learning_rate(std::ldexp(float(random()), -32));
    rl->set_kl_coef(std::ldexp(float(random()), -40 + int(random() % 10)));
    rl->set_entropy_coef(-std::ldexp(float(random()), -33));
    config.mutable_model()->set_rope_theta(1 + std::ldexp(float(random()), -4));
    config.mutable_data()->set_template_("{question} \xC3\xA9 \"q\"\n\\");
    config.mutable_rollout()->add_stop("a\tb");
    const auto again = ParseConfig(ConfigToText(config), "resolved", {});
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->SerializeAsString(), config.SerializeAsString());
  }
}

TEST(ConfigTextTest, ResolvedTextShowsCharactersAsThemselves) {
  RunConfig config;
  config.mutable_model()->set_path("/mod\xC3\xA8les");
  EXPECT_THAT(ConfigToText(config), testing::HasSubstr("/mod\xC3\xA8les"));
}

TEST(ConfigTextTest, ResolvedTextKeepsOptionsInTheOrderOfTheirNames) {
  const auto config = ParseConfig(
      "reward { rule { name: 'a' option { key: 'n' value: '4' } "
      "option { key: 'm' value: 'x y' } } }",
      "t", {});
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string text = ConfigToText(*config);
  const size_t m = text.find("key: \"m\"\n      value: \"x y\"");
  const size_t n = text.find("key: \"n\"\n      value: \"4\"");
  ASSERT_NE(n, text.npos) << text;
  EXPECT_LT(m, n);
  EXPECT_EQ(ConfigToText(*ParseConfig(text, "resolved", {})), text);
}

TEST(ConfigTextTest, ResolvedTextNamesEveryKeyAndIsStable) {
  const std::string text = ConfigToText(RunConfig());
  for (const SchemaKey& key : SchemaKeys(*RunConfig::descriptor())) {
    if (key.field->is_repeated() ||
        key.field->containing_type()->name() == "WeightedRule") {
      continue;
    }
    EXPECT_THAT(text, testing::HasSubstr(key.field->name())) << key.path;
  }
  EXPECT_THAT(text, testing::StartsWith("seed: 1\nthreads: 0\nmodel {\n"));
  const auto again = ParseConfig(text, "resolved", {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ConfigToText(*again), text);
}

TEST(ConfigTextTest, MutatedTextNeverCrashesAndNeverMeansSomethingElse) {
  const std::string seed_text =
      "seed: 42 threads: 2\nmodel { path: '' hidden_size: 64\n"
      "num_heads: 4 rope_theta: 1e4 tie_embeddings: true }\n"
      "rl { steps: 10 learning_rate: 3e-6 advantage: GRPO } # comment\n"
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
    const auto ours = ParseConfig(text, "t", {});
    if (!ours.ok()) {
      EXPECT_FALSE(ours.status().message().empty());
      continue;
    }
    ++accepted;
    RunConfig theirs;
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
  const auto config = ParseConfig(text, "deep", {});
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(std::string(config.status().message()),
              testing::HasSubstr("less nesting"));
  EXPECT_LT(config.status().message().size(), 20000);
}

TEST(ConfigTextTest, HugeTextIsRefused) {
  const auto config =
      ParseConfig(std::string((1 << 20) + 1, ' '), "huge.textproto", {});
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

#include "rollout/stop_checker.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "rollout/engine.h"
#include "tests/rollout/tiny_model.h"

namespace r1 {
namespace {

class StopCheckerTest : public ::testing::Test {
 protected:
  StopCheckerTest()
      : tokenizer_(std::make_shared<const Tokenizer>(
            *Tokenizer::FromJson(TinyTokenizerJson()))) {}

  // Feeds single-byte tokens and merges as `pieces`; the index of the piece at
  // which the sample ended, or -1.
  int FirstStop(const std::vector<std::string>& stops,
                const std::vector<std::string>& pieces) {
    StopChecker checker(config_, tokenizer_);
    Sequence sequence;
    Prefix prefix;
    prefix.tokens = std::make_shared<const std::vector<int32_t>>(3, 1);
    sequence.prefix = &prefix;
    sequence.max_length = 1000;
    for (const std::string& stop : stops) {
      sequence.request.sampling.add_stop(stop);
    }
    for (size_t i = 0; i < pieces.size(); ++i) {
      const std::vector<int32_t> ids = *tokenizer_->Encode(pieces[i]);
      for (int32_t id : ids) {
        sequence.completion.push_back(id);
        const FinishReason reason = checker.Check(&sequence);
        if (reason == FINISH_UNSPECIFIED) continue;
        EXPECT_EQ(reason, FINISH_STOP_STRING);
        return i;
      }
    }
    return -1;
  }

  ModelConfig config_ = TinyConfig();
  std::shared_ptr<const Tokenizer> tokenizer_;
};

TEST_F(StopCheckerTest, AStopStringIsFoundHoweverTheTokensCutIt) {
  EXPECT_EQ(FirstStop({"END"}, {"E", "N", "D", "!"}), 2);
  EXPECT_EQ(FirstStop({"END"}, {"xE", "ND", "!"}), 1);
  EXPECT_EQ(FirstStop({"END"}, {"abcENDabc", "!"}), 0);
  EXPECT_EQ(FirstStop({"END"}, {"EN", "EN", "D"}), 2);
  EXPECT_EQ(FirstStop({"END"}, {"E", "ND"}), 1);
  EXPECT_EQ(FirstStop({"x"}, {"a", "x"}), 1);
}

TEST_F(StopCheckerTest, AlmostIsNotEnough) {
  EXPECT_EQ(FirstStop({"END"}, {"E", "N", "d", "EN", " D", "ND", "E"}), -1);
  EXPECT_EQ(FirstStop({}, {"END"}), -1);
}

TEST_F(StopCheckerTest, TheFirstOfSeveralStops) {
  EXPECT_EQ(FirstStop({"</answer>", "\n\n"}, {"a\n", "b\n", "\n", "c"}), 2);
  EXPECT_EQ(FirstStop({"</answer>", "\n\n"},
                      {"<answer>", "4", "</ans", "wer>", "\n\n"}),
            3);
}

TEST_F(StopCheckerTest, CharactersCutIntoBytesMatch) {
  // "é" has two bytes, which are two tokens here.
  EXPECT_EQ(FirstStop({"é!"}, {"é", "x", "\xC3", "\xA9", "!"}), 4);
}

// A stop string ends with its last byte, wherever in a long text it stands:
// against a search of the whole text after every token.
TEST_F(StopCheckerTest, AgreesWithASearchOfTheWholeText) {
  RandomSequence random(5, RandomStream::kData, 0, 0);
  int stopped = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> stops;
    for (uint32_t i = 0; i <= random.NextBelow(3); ++i) {
      std::string stop;
      for (uint32_t j = 0; j <= random.NextBelow(5); ++j) {
        stop += "ab"[random.NextBelow(2)];
      }
      stops.push_back(stop);
    }
    std::vector<std::string> pieces;
    std::string text;
    int expected = -1;
    for (int i = 0; i < 12; ++i) {
      std::string piece;
      for (uint32_t j = 0; j <= random.NextBelow(2); ++j) {
        piece += "abc"[random.NextBelow(3)];
      }
      pieces.push_back(piece);
      text += piece;
      for (const std::string& stop : stops) {
        if (expected < 0 && text.find(stop) != std::string::npos) expected = i;
      }
    }
    ASSERT_EQ(FirstStop(stops, pieces), expected) << text;
    stopped += expected >= 0;
  }
  EXPECT_GT(stopped, 100);
  EXPECT_LT(stopped, 300);
}

TEST_F(StopCheckerTest, EndTokensWinAndLengthComesLast) {
  StopChecker checker(config_, tokenizer_);
  Sequence sequence;
  Prefix prefix;
  prefix.tokens = std::make_shared<const std::vector<int32_t>>(3, 1);
  sequence.prefix = &prefix;
  sequence.max_length = 4;
  sequence.completion = {0};
  EXPECT_EQ(checker.Check(&sequence), FINISH_END_TOKEN);
  sequence.completion = {5};
  EXPECT_EQ(checker.Check(&sequence), FINISH_LENGTH);
  sequence.request.sampling.add_stop(std::string(tokenizer_->TokenBytes(5)));
  EXPECT_EQ(checker.Check(&sequence), FINISH_STOP_STRING);
  sequence.request.sampling.clear_stop();
  sequence.max_length = 5;
  EXPECT_EQ(checker.Check(&sequence), FINISH_UNSPECIFIED);
}

// In the engine: the completion ends with the token that completes the string.
TEST_F(StopCheckerTest, TheEngineCutsWhereTheTextIsComplete) {
  const std::unique_ptr<Ops> ops = MakeCpuOps(1);
  const std::shared_ptr<PolicyWeights> weights =
      TinyWeights(config_, 3, ops.get());
  const auto prompt = std::make_shared<const std::vector<int32_t>>(
      RandomTokens(config_, 1, 20));
  const auto run = [&](const std::vector<std::string>& stops) {
    Engine engine(config_, tokenizer_, ops.get(), {});
    EngineRequest request{1, prompt, 7, 1, 0, {}};
    request.sampling.set_temperature(1);
    request.sampling.set_top_p(1);
    request.sampling.set_max_new_tokens(100);
    for (const std::string& stop : stops) request.sampling.add_stop(stop);
    EXPECT_TRUE(engine.Add(request).ok());
    std::vector<Finished> done;
    while (!engine.idle()) engine.Step(*weights, &done);
    return done[0].trajectory;
  };
  const Trajectory full = run({});
  ASSERT_GT(full.tokens_size(), 12);
  const std::vector<int32_t> tokens(full.tokens().begin(), full.tokens().end());
  // The bytes of tokens 8 and 9: they need not stand earlier.
  const std::string stop =
      tokenizer_->Decode(absl::MakeConstSpan(tokens).subspan(8, 2));
  ASSERT_FALSE(stop.empty());
  const Trajectory cut = run({stop});
  EXPECT_EQ(cut.finish_reason(), FINISH_STOP_STRING);
  size_t expected = 0;
  while (tokenizer_->Decode(absl::MakeConstSpan(tokens).first(++expected))
             .find(stop) == std::string::npos) {
  }
  ASSERT_EQ(cut.tokens_size(), expected);
  for (size_t i = 0; i < expected; ++i) {
    EXPECT_EQ(cut.tokens(i), full.tokens(i));
    EXPECT_EQ(cut.logprobs(i), full.logprobs(i));
  }
}

}  // namespace
}  // namespace r1

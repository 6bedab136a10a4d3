#include "rollout/engine.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/matrix.h"
#include "model/packed_model.h"
#include "tests/rollout/tiny_model.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

using Results = std::map<uint64_t, Trajectory>;  // by request key

SamplingParams Sampling(int max_new_tokens, float temperature = 1) {
  SamplingParams sampling;
  sampling.set_temperature(temperature);
  sampling.set_top_p(1);
  sampling.set_max_new_tokens(max_new_tokens);
  return sampling;
}

class EngineTest : public ::testing::Test {
 protected:
  // `group` samples of each of several prompts whose lengths lie around the
  // page size and its multiples; key = 100 * prompt + sample.
  std::vector<EngineRequest> Requests(int group, SamplingParams sampling) {
    std::vector<EngineRequest> requests;
    uint64_t prompt_id = 0;
    for (int length : {1, 31, 32, 33, 64, 65, 100}) {
      ++prompt_id;
      const auto prompt = std::make_shared<const std::vector<int32_t>>(
          RandomTokens(config_, prompt_id, length));
      for (int sample = 0; sample < group; ++sample) {
        requests.push_back({100 * prompt_id + sample, prompt, /*seed=*/7,
                            prompt_id, static_cast<uint32_t>(sample),
                            sampling});
      }
    }
    return requests;
  }

  Results Run(const std::vector<EngineRequest>& requests,
              const EngineOptions& options, int threads = 1,
              EngineStats* stats = nullptr) {
    const std::unique_ptr<Ops> ops = MakeCpuOps(threads);
    Engine engine(config_, nullptr, ops.get(), options);
    for (const EngineRequest& request : requests) {
      const absl::Status status = engine.Add(request);
      EXPECT_TRUE(status.ok()) << status;
    }
    std::vector<Finished> done;
    for (int step = 0; !engine.idle() && step < 20000; ++step) {
      engine.Step(*weights_, &done);
    }
    if (stats != nullptr) *stats = engine.stats();
    Results results;
    for (Finished& f : done) {
      EXPECT_TRUE(f.status.ok()) << f.status;
      EXPECT_TRUE(results.emplace(f.key, std::move(f.trajectory)).second)
          << "key " << f.key << " finished twice";
    }
    EXPECT_EQ(results.size(), requests.size());
    return results;
  }

  // Equal down to the last bit of every log-prob.
  void ExpectEqual(const Results& expected, const Results& got) {
    ASSERT_EQ(expected.size(), got.size());
    for (const auto& [key, trajectory] : expected) {
      ASSERT_EQ(trajectory.SerializeAsString(), got.at(key).SerializeAsString())
          << "expected " << trajectory.ShortDebugString() << "\ngot "
          << got.at(key).ShortDebugString();
    }
  }

  ModelConfig config_ = TinyConfig();
  std::unique_ptr<Ops> ops_ = MakeCpuOps(1);
  std::shared_ptr<PolicyWeights> weights_ = TinyWeights(config_, 3, ops_.get());
};

TEST_F(EngineTest, LogprobsEqualPackedScoringBitForBit) {
  for (float temperature : {1.0f, 0.7f}) {
    const std::vector<EngineRequest> requests =
        Requests(3, Sampling(60, temperature));
    const Results results = Run(requests, {});
    PackedTokens batch;
    std::vector<float> expected;
    for (const EngineRequest& r : requests) {
      const Trajectory& t = results.at(r.key);
      std::vector<int32_t> sequence = *r.prompt;
      sequence.insert(sequence.end(), t.tokens().begin(), t.tokens().end());
      batch.Append(sequence, r.prompt->size());
      expected.insert(expected.end(), t.logprobs().begin(), t.logprobs().end());
    }
    PackedModel model(config_, ops_.get());
    model.Forward(*weights_, batch, false);
    std::vector<float> scored(batch.scored_rows.size());
    model.Logprobs(*weights_, temperature, absl::MakeSpan(scored), {});
    ASSERT_GT(scored.size(), 500);
    EXPECT_EQ(scored, expected);
  }
}

// The draw of position p is Philox(seed; prompt id, sample index, p), with p
// counted from the start of the prompt: every token, drawn again by itself.
TEST_F(EngineTest, EveryDrawIsKeyedByPromptSampleAndPosition) {
  SamplingParams sampling = Sampling(40, 0.8f);
  sampling.set_top_p(0.9f);
  const std::vector<EngineRequest> requests = Requests(2, sampling);
  const Results results = Run(requests, {});
  Transformer transformer(config_, ops_.get());
  for (const EngineRequest& r : requests) {
    const Trajectory& t = results.at(r.key);
    std::vector<int32_t> tokens = *r.prompt;
    tokens.insert(tokens.end(), t.tokens().begin(), t.tokens().end());
    const int64_t length = tokens.size();
    std::vector<int32_t> positions(length), pages(KvPages::PagesFor(length));
    std::iota(positions.begin(), positions.end(), 0);
    std::iota(pages.begin(), pages.end(), 0);
    KvCache cache(config_, pages.size(), CpuDevice());
    const SequenceRows rows{0, length, 0, pages};
    Buffer buffer(CpuDevice());
    const Tensor hidden = buffer.Reserve(length, config_.hidden_size);
    const auto batch = ops_->MakeBatch();
    ops_->Prepare({tokens, positions, {&rows, 1}}, batch.get());
    transformer.Forward(*weights_, *batch, &cache, nullptr, hidden);
    for (int i = 0; i < t.tokens_size(); ++i) {
      const int64_t position = r.prompt->size() + i;
      Buffer logits(CpuDevice());
      const Tensor row = logits.Reserve(1, config_.vocab_size);
      ops_->MatMul(hidden.Rows(position - 1, 1), weights_->head(), {}, row);
      const SampleRequest request{
          0.8f, 0.9f,
          RandomBits(/*seed=*/7, RandomStream::kSampling, r.prompt_id,
                     r.sample_index, position)[0]};
      int32_t token = -1;
      float logprob = 0;
      ops_->Sample(row, {&request, 1}, MatrixView<int32_t>(&token, 1, 1),
                   Mat(&logprob, 1, 1));
      ASSERT_EQ(t.tokens(i), token) << "position " << position;
      ASSERT_EQ(t.logprobs(i), logprob) << "position " << position;
    }
  }
}

TEST_F(EngineTest, ResultsDoNotDependOnTheBatch) {
  const std::vector<EngineRequest> requests = Requests(4, Sampling(50));
  const Results expected = Run(requests, {});
  for (int max_batch : {1, 3, 7}) {
    EngineOptions options;
    options.max_batch = max_batch;
    ExpectEqual(expected, Run(requests, options));
  }
  for (const EngineRequest& request : requests) {
    const Results alone = Run({request}, {});
    ExpectEqual({{request.key, expected.at(request.key)}}, alone);
  }
}

TEST_F(EngineTest, ResultsDoNotDependOnTheOrderOfArrival) {
  std::vector<EngineRequest> requests = Requests(4, Sampling(50));
  EngineOptions options;
  options.max_batch = 5;
  const Results expected = Run(requests, options);
  std::reverse(requests.begin(), requests.end());
  ExpectEqual(expected, Run(requests, options));
}

TEST_F(EngineTest, ResultsDoNotDependOnThePrefillChunk) {
  const std::vector<EngineRequest> requests = Requests(2, Sampling(40));
  const Results expected = Run(requests, {});
  for (int chunk : {1, 5, 32, 47}) {
    EngineOptions options;
    options.prefill_tokens = chunk;
    ExpectEqual(expected, Run(requests, options));
  }
}

TEST_F(EngineTest, ResultsDoNotDependOnTheThreads) {
  const std::vector<EngineRequest> requests = Requests(4, Sampling(50));
  ExpectEqual(Run(requests, {}, 1), Run(requests, {}, 3));
}

TEST_F(EngineTest, ResultsSurvivePreemption) {
  const std::vector<EngineRequest> requests = Requests(4, Sampling(60));
  EngineStats roomy_stats;
  const Results expected = Run(requests, {}, 1, &roomy_stats);
  EXPECT_EQ(roomy_stats.scheduler.preemptions, 0);
  EXPECT_EQ(roomy_stats.scheduler.recomputed_tokens, 0);
  for (int chunk : {3, 512}) {
    EngineOptions options;
    options.kv_pages = 12;
    options.prefill_tokens = chunk;
    EngineStats stats;
    ExpectEqual(expected, Run(requests, options, 1, &stats));
    EXPECT_GT(stats.scheduler.preemptions, 0);
    EXPECT_GT(stats.scheduler.recomputed_tokens, 0);
    EXPECT_EQ(stats.drawn_tokens, roomy_stats.drawn_tokens);
  }
}

TEST_F(EngineTest, APromptIsPrefilledOnceForItsGroup) {
  EngineStats stats;
  const std::vector<EngineRequest> requests = Requests(8, Sampling(5));
  Run(requests, {}, 1, &stats);
  EXPECT_EQ(stats.scheduler.prefilled_tokens, 1 + 31 + 32 + 33 + 64 + 65 + 100);
  // Each sample's last token is drawn but never fed back.
  EXPECT_EQ(stats.scheduler.decoded_tokens,
            stats.drawn_tokens - requests.size());
}

TEST_F(EngineTest, SamplesOfAGroupDifferAndOtherKeysGiveOtherTokens) {
  std::vector<EngineRequest> requests = Requests(2, Sampling(30));
  const Results first = Run(requests, {});
  const auto tokens = [](const Trajectory& t) {
    return std::vector<int32_t>(t.tokens().begin(), t.tokens().end());
  };
  EXPECT_NE(tokens(first.at(100)), tokens(first.at(101)));
  for (EngineRequest& r : requests) r.seed = 8;
  const Results other_seed = Run(requests, {});
  EXPECT_NE(tokens(first.at(100)), tokens(other_seed.at(100)));
  for (EngineRequest& r : requests) r.seed = 7, r.prompt_id += 10;
  const Results other_prompt = Run(requests, {});
  EXPECT_NE(tokens(first.at(100)), tokens(other_prompt.at(100)));
}

TEST_F(EngineTest, CompletionsEndAtTheirLimits) {
  const std::vector<EngineRequest> requests = Requests(4, Sampling(70));
  int by_length = 0, by_end = 0;
  for (const auto& [key, t] : Run(requests, {})) {
    const int64_t prompt = requests[4 * (key / 100 - 1)].prompt->size();
    const int64_t limit = std::min<int64_t>(70, config_.max_positions - prompt);
    ASSERT_EQ(t.tokens_size(), t.logprobs_size());
    for (int i = 0; i + 1 < t.tokens_size(); ++i) EXPECT_NE(t.tokens(i), 0);
    if (t.tokens(t.tokens_size() - 1) == 0) {
      EXPECT_EQ(t.finish_reason(), FINISH_END_TOKEN);
      ++by_end;
    } else {
      EXPECT_EQ(t.finish_reason(), FINISH_LENGTH);
      EXPECT_EQ(t.tokens_size(), limit);
      ++by_length;
    }
  }
  EXPECT_GT(by_length, 0);
  EXPECT_GT(by_end, 0);
}

TEST_F(EngineTest, CancelledRequestsLeaveNothingBehind) {
  const std::vector<EngineRequest> requests = Requests(4, Sampling(50));
  const Results expected = Run(requests, {});
  EngineOptions options;
  options.max_batch = 6;
  Engine engine(config_, nullptr, ops_.get(), options);
  for (const EngineRequest& r : requests) ASSERT_TRUE(engine.Add(r).ok());
  std::vector<Finished> done;
  for (int i = 0; i < 10; ++i) engine.Step(*weights_, &done);
  for (const EngineRequest& r : requests) {
    if (r.sample_index % 2 == 1) engine.Cancel(r.key);
  }
  engine.Cancel(999999);  // unknown: nothing happens
  while (!engine.idle()) engine.Step(*weights_, &done);
  Results results;
  for (const Finished& f : done) results.emplace(f.key, f.trajectory);
  for (const EngineRequest& r : requests) {
    if (r.sample_index % 2 == 1) continue;
    EXPECT_EQ(results.at(r.key).SerializeAsString(),
              expected.at(r.key).SerializeAsString());
  }
  // Everything can be added and computed again.
  for (const EngineRequest& r : requests) ASSERT_TRUE(engine.Add(r).ok());
  engine.CancelAll();
  EXPECT_TRUE(engine.idle());
}

TEST_F(EngineTest, BadRequestsAreRefusedByName) {
  Engine engine(config_, nullptr, ops_.get(), {});
  const auto prompt = [&](int length) {
    return std::make_shared<const std::vector<int32_t>>(
        RandomTokens(config_, 1, length));
  };
  const auto add = [&](EngineRequest r) { return engine.Add(std::move(r)); };

  absl::Status status = add({1, prompt(160), 0, 17, 3, Sampling(1)});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("prompt 17, sample 3"));
  EXPECT_THAT(status.ToString(), HasSubstr("160 tokens"));

  EXPECT_EQ(add({1, prompt(0), 0, 1, 0, Sampling(1)}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(add({1, nullptr, 0, 1, 0, Sampling(1)}).code(),
            absl::StatusCode::kInvalidArgument);
  const auto bad_id = std::make_shared<const std::vector<int32_t>>(
      std::vector<int32_t>{5, 301});
  status = add({1, bad_id, 0, 1, 0, Sampling(1)});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("301"));

  SamplingParams sampling = Sampling(0);
  EXPECT_EQ(add({1, prompt(2), 0, 1, 0, sampling}).code(),
            absl::StatusCode::kInvalidArgument);
  for (float bad : {-1.0f, std::numeric_limits<float>::quiet_NaN(),
                    std::numeric_limits<float>::infinity()}) {
    EXPECT_EQ(add({1, prompt(2), 0, 1, 0, Sampling(5, bad)}).code(),
              absl::StatusCode::kInvalidArgument);
  }
  for (float bad : {0.0f, 1.5f, -0.5f}) {
    sampling = Sampling(5);
    sampling.set_top_p(bad);
    EXPECT_EQ(add({1, prompt(2), 0, 1, 0, sampling}).code(),
              absl::StatusCode::kInvalidArgument);
  }
  sampling = Sampling(5);
  sampling.add_stop("x");  // no tokenizer
  EXPECT_EQ(add({1, prompt(2), 0, 1, 0, sampling}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(engine.idle());

  EXPECT_TRUE(add({1, prompt(159), 0, 1, 0, Sampling(5)}).ok());
  EXPECT_EQ(add({1, prompt(2), 0, 1, 0, Sampling(5)}).code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(EngineTest, NonFiniteWeightsAreNamedNotSampled) {
  weights_->Write(weights_->layout().final_norm(), 4,
                  {std::numeric_limits<float>::quiet_NaN()});
  Engine engine(config_, nullptr, ops_.get(), {});
  const EngineRequest request = Requests(1, Sampling(5))[2];
  ASSERT_TRUE(engine.Add(request).ok());
  std::vector<Finished> done;
  engine.Step(*weights_, &done);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].key, request.key);
  const absl::Status& status = done[0].status;
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.ToString(), HasSubstr("prompt 3, sample 0"));
  EXPECT_THAT(status.ToString(), HasSubstr("position 32"));
  EXPECT_TRUE(engine.idle());
}

TEST_F(EngineTest, GreedyPicksTheMostLikelyTokenWhateverTheKey) {
  std::vector<EngineRequest> requests = Requests(2, Sampling(20, 0));
  const Results results = Run(requests, {});
  for (uint64_t prompt = 1; prompt <= 7; ++prompt) {
    Trajectory a = results.at(100 * prompt), b = results.at(100 * prompt + 1);
    b.set_sample_index(a.sample_index());
    EXPECT_EQ(a.SerializeAsString(), b.SerializeAsString());
  }
}

TEST_F(EngineTest, ThePoolIsBoundedButHoldsTheLongestSequence) {
  EngineOptions options;
  options.kv_pages = 1;
  Engine small(config_, nullptr, ops_.get(), options);
  EXPECT_EQ(small.kv_pages(), 160 / kPageTokens + 1);
  options.kv_pages = 0;
  options.max_batch = 10;
  Engine full(config_, nullptr, ops_.get(), options);
  EXPECT_EQ(full.kv_pages(), 10 * (160 / kPageTokens + 1));
  options.kv_bytes = 20 * (2 * 2 * 18 * kPageTokens * 4);
  Engine capped(config_, nullptr, ops_.get(), options);
  EXPECT_EQ(capped.kv_pages(), 20);
}

}  // namespace
}  // namespace r1

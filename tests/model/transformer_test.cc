// The transformer, forward and backward, against a double-precision oracle,
// and its invariances, bit for bit.
#include "model/transformer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "base/philox.h"
#include "kernels/matrix.h"
#include "model/packed_model.h"
#include "tests/model/host_params.h"
#include "tests/reference/transformer.h"

namespace r1 {
namespace {

ModelConfig TinyConfig(const std::string& model_type, bool is_tied) {
  ModelConfig c;
  c.model_type = model_type;
  c.vocab_size = 37;
  c.hidden_size = 24;
  c.intermediate_size = 40;
  c.num_layers = 2;
  c.num_heads = 4;
  c.num_kv_heads = 2;
  c.head_dim = model_type == "qwen3" ? 10 : 6;
  c.max_positions = 128;
  c.tie_embeddings = is_tied;
  return c;
}

// Random weights of a size at which attention and gates do not degenerate.
ParamSet RandomParams(const ModelConfig& config) {
  ParamSet params(std::make_shared<ParamLayout>(config));
  RandomSequence random(11, RandomStream::kInit, 0, 0);
  for (float& p : Flat(params)) p = 0.3f * random.NextNormal();
  for (size_t i = 0; i < params.layout().tensors().size(); ++i) {
    if (absl::StrContains(params.layout().tensor(i).name, "norm")) {
      for (float& p : Elements(params, i)) p += 1;
    }
  }
  return params;
}

std::vector<int32_t> RandomTokens(int count, int vocab, int seed) {
  RandomSequence random(seed, RandomStream::kData, 0, 0);
  std::vector<int32_t> tokens(count);
  for (int32_t& t : tokens) t = random.NextBelow(vocab);
  return tokens;
}

std::vector<absl::Span<const int32_t>> Spans(
    const std::vector<std::vector<int32_t>>& sequences) {
  return {sequences.begin(), sequences.end()};
}

// A packed batch and the sequences in it, each scored from a token on.
struct Batch {
  PackedTokens packed;
  std::vector<std::vector<int32_t>> sequences;
  std::vector<int64_t> first_scored;

  void Append(const std::vector<int32_t>& sequence, int64_t first) {
    packed.Append(sequence, first);
    sequences.push_back(sequence);
    first_scored.push_back(first);
  }
  // Sequences of `prompt` tokens in common and so many more.
  void AppendGroup(int64_t prompt, const std::vector<int>& completions,
                   int seed) {
    const std::vector<int32_t> shared = RandomTokens(prompt, 37, seed);
    std::vector<std::vector<int32_t>> group;
    for (int length : completions) {
      group.push_back(shared);
      for (int32_t t : RandomTokens(length, 37, ++seed)) {
        group.back().push_back(t);
      }
    }
    packed.AppendGroup(Spans(group), prompt);
    sequences.insert(sequences.end(), group.begin(), group.end());
    first_scored.insert(first_scored.end(), group.size(), prompt);
  }
  size_t scored() const { return packed.scored_rows.size(); }
  // Calls fn(sequence, token) for the scored tokens in order.
  template <typename Fn>
  void ForEachScored(Fn fn) const {
    for (size_t s = 0; s < sequences.size(); ++s) {
      for (size_t i = first_scored[s]; i < sequences[s].size(); ++i) fn(s, i);
    }
  }
};

struct Case {
  const char* model_type;
  bool is_tied;
};

class TransformerTest : public testing::TestWithParam<Case> {
 protected:
  TransformerTest()
      : config_(TinyConfig(GetParam().model_type, GetParam().is_tied)),
        ops_(MakeCpuOps(2)),
        params_(RandomParams(config_)),
        weights_(config_, CpuDevice()) {
    weights_.Assign(params_, ops_.get());
    for (const auto& [length, first] : {std::pair(5, 1), std::pair(41, 7),
                                        std::pair(1, 1), std::pair(34, 7)}) {
      batch_.Append(RandomTokens(length, 37, batch_.sequences.size() + 1),
                    first);
    }
    groups_.AppendGroup(3, {6, 1, 9}, 20);
    groups_.AppendGroup(1, {4}, 30);
    groups_.AppendGroup(37, {5, 30, 1, 12}, 40);
    groups_.AppendGroup(32, {2, 3}, 50);
  }

  ModelConfig config_;
  std::unique_ptr<Ops> ops_;
  ParamSet params_;
  PolicyWeights weights_;
  Batch batch_;   // of sequences by themselves
  Batch groups_;  // of sequences that share prompts
};

constexpr float kTemperature = 0.8f;

TEST_P(TransformerTest, LogprobsEqualTheOracle) {
  const reference::Params params = reference::ToDouble(params_);
  for (const Batch* batch : {&batch_, &groups_}) {
    PackedModel model(config_, ops_.get());
    model.Forward(weights_, batch->packed, false);
    std::vector<float> logprobs(batch->scored());
    model.Logprobs(weights_, kTemperature, absl::MakeSpan(logprobs), {});
    std::vector<std::vector<reference::Vec>> logits;
    for (const auto& s : batch->sequences) {
      logits.push_back(reference::Logits(config_, params, s));
    }
    size_t r = 0;
    batch->ForEachScored([&](size_t s, size_t i) {
      // Logits of order 1 pass through ~10 sums of up to 40 terms in fp32.
      EXPECT_NEAR(logprobs[r++],
                  reference::LogProb(logits[s][i - 1], batch->sequences[s][i],
                                     kTemperature),
                  1e-4);
    });
    EXPECT_EQ(r, logprobs.size());
  }
}

TEST_P(TransformerTest, GradientEqualsFiniteDifferencesOfTheOracle) {
  RandomSequence random(4, RandomStream::kData, 1, 0);
  for (const Batch* batch : {&batch_, &groups_}) {
    // Loss = sum_r c_r logprob_r with fixed random c.
    std::vector<float> c(batch->scored()), logprobs(batch->scored());
    for (float& v : c) v = random.NextNormal();
    PackedModel model(config_, ops_.get());
    ParamSet grads(params_.shared_layout());
    model.Forward(weights_, batch->packed, true);
    model.Backward(weights_, kTemperature, c, {}, &grads,
                   absl::MakeSpan(logprobs), {});

    reference::Params params = reference::ToDouble(params_);
    const auto loss = [&] {
      std::vector<std::vector<reference::Vec>> logits;
      for (const auto& s : batch->sequences) {
        logits.push_back(reference::Logits(config_, params, s));
      }
      double sum = 0;
      size_t r = 0;
      batch->ForEachScored([&](size_t s, size_t i) {
        sum +=
            c[r++] * reference::LogProb(logits[s][i - 1],
                                        batch->sequences[s][i], kTemperature);
      });
      return sum;
    };
    for (size_t t = 0; t < grads.layout().tensors().size(); ++t) {
      const TensorSpec& spec = grads.layout().tensor(t);
      const auto got = Elements(grads, t);
      double norm = 0;
      for (float g : got) norm = std::max<double>(norm, std::abs(g));
      for (int probe = 0; probe < 3; ++probe) {
        const int64_t i = random.NextBelow(spec.count());
        double& p = params[spec.name][i];
        const double saved = p, h = 1e-5;
        p = saved + h;
        const double up = loss();
        p = saved - h;
        const double down = loss();
        p = saved;
        // Central differences in double are exact to ~1e-8; fp32 sums over the
        // batch keep ~1e-4 of the tensor's largest gradient.
        EXPECT_NEAR(got[i], (up - down) / (2 * h), 2e-4 * norm + 1e-5)
            << spec.name << "[" << i << "]";
      }
    }
  }
}

TEST_P(TransformerTest, SharedPromptsDoNotChangeLogprobs) {
  PackedModel model(config_, ops_.get());
  std::vector<float> shared(groups_.scored()), alone(groups_.scored());
  model.Forward(weights_, groups_.packed, true);
  model.Logprobs(weights_, 1, absl::MakeSpan(shared), {});
  PackedTokens whole;
  for (size_t s = 0; s < groups_.sequences.size(); ++s) {
    whole.Append(groups_.sequences[s], groups_.first_scored[s]);
  }
  EXPECT_EQ(whole.targets, groups_.packed.targets);
  EXPECT_LT(groups_.packed.tokens.size(), whole.tokens.size());
  model.Forward(weights_, whole, false);
  model.Logprobs(weights_, 1, absl::MakeSpan(alone), {});
  EXPECT_EQ(shared, alone);
}

// Whatever the pieces and what is kept of their forward pass, prompts of any
// length between other sequences.
TEST_P(TransformerTest, PiecesOfAGroupGiveTheBitsOfTheWhole) {
  const std::vector<int> completions = {9, 1, 40, 3};
  for (const int prompt : {1, 32, 37}) {
    Batch before, group, after;
    before.Append(RandomTokens(11, 37, 60), 4);
    group.AppendGroup(prompt, completions, 61);
    after.AppendGroup(5, {7, 8}, 70);
    std::vector<float> c(before.scored() + group.scored() + after.scored());
    RandomSequence random(5, RandomStream::kData, prompt, 0);
    for (float& v : c) v = random.NextNormal();

    // Bit s of `cuts`: a batch ends after the group's sample s.
    std::vector<std::string> hashes;
    for (int cuts = 0; cuts < 8; ++cuts) {
      std::vector<PackedTokens> batches(1);
      batches[0].Append(before.sequences[0], before.first_scored[0]);
      std::vector<absl::Span<const int32_t>> piece;
      for (int s = 0; s < 4; ++s) {
        piece.push_back(group.sequences[s]);
        if (s < 3 && (cuts >> s & 1) == 0) continue;
        batches.back().AppendGroup(piece, prompt);
        piece.clear();
        if (s == 3) break;
        batches.back().leaves_prompt = true;
        batches.emplace_back();
        batches.back().continues_prompt = true;
      }
      batches.back().AppendGroup(Spans(after.sequences), 5);

      PackedModel model(config_, ops_.get(), static_cast<Keep>(cuts % 3));
      ParamSet grads(params_.shared_layout());
      ParamSet apart(params_.shared_layout());
      auto next = c.begin();
      for (const PackedTokens& batch : batches) {
        const auto count = static_cast<int64_t>(batch.scored_rows.size());
        model.Forward(weights_, batch, true);
        model.Backward(weights_, 1, {&*next, static_cast<size_t>(count)}, {},
                       &grads, {}, {},
                       apart.tensor(apart.layout().embedding()));
        next += count;
      }
      EXPECT_TRUE(next == c.end());
      hashes.push_back(HashParams(grads) + HashParams(apart));
    }
    EXPECT_EQ(hashes, std::vector<std::string>(8, hashes[0])) << prompt;
  }
}

TEST_P(TransformerTest, BitsDoNotDependOnBatchThreadsOrChunks) {
  // The whole batch with activations, two threads.
  const int64_t C = config_.hidden_size;
  PackedModel packed(config_, ops_.get());
  std::vector<float> all(batch_.scored());
  packed.Forward(weights_, batch_.packed, true);
  packed.Logprobs(weights_, 1, absl::MakeSpan(all), {});

  // Each sequence alone, one thread, in chunks of 1, 3, 32, … tokens through a
  // KV cache with pages in reverse order.
  const auto ops = MakeCpuOps(1);
  Transformer transformer(config_, ops.get());
  const auto batch = ops->MakeBatch();
  KvCache cache(config_, 4, CpuDevice());
  const std::vector<int32_t> pages = {3, 2, 1, 0};
  size_t r = 0;
  for (const auto& s : batch_.sequences) {
    const int64_t T = s.size();
    std::vector<float> hidden(T * C);
    std::vector<int32_t> positions(T);
    std::iota(positions.begin(), positions.end(), 0);
    const int chunks[] = {1, 3, 32, 1, 2, 64};
    int64_t begin = 0;
    for (int i = 0; begin < T; ++i) {
      const int64_t count = std::min<int64_t>(chunks[i], T - begin);
      const SequenceRows rows{0, count, begin, pages};
      ops->Prepare({absl::MakeConstSpan(s).subspan(begin, count),
                    absl::MakeConstSpan(positions).subspan(begin, count),
                    absl::MakeConstSpan(&rows, 1)},
                   batch.get());
      transformer.Forward(weights_, *batch, &cache, nullptr,
                          Mat{hidden.data() + begin * C, count, C});
      begin += count;
    }
    for (int64_t i = T > 9 ? 7 : 1; i < T; ++i) {
      float logprob;
      ops->LogprobForward(ConstMat{hidden.data() + (i - 1) * C, 1, C},
                          weights_.head(), Ids(&s[i], 1, 1), 1,
                          Mat(&logprob, 1, 1), {});
      EXPECT_EQ(logprob, all[r++]) << "token " << i << " of " << T;
    }
  }
}

// More rows than the feed-forward part takes at once: the bits of as many
// batches as there are sequences.
TEST_P(TransformerTest, RowsAreTakenInPiecesWithoutAChangedBit) {
  constexpr int kLength = 40;
  constexpr int kSequences = kFeedForwardRows / kLength + 7;
  PackedTokens all;
  std::vector<PackedTokens> alone(kSequences);
  RandomSequence random(31, RandomStream::kData, 0, 0);
  for (int s = 0; s < kSequences; ++s) {
    std::vector<int32_t> sequence(kLength);
    for (int32_t& t : sequence) t = random.NextBelow(config_.vocab_size);
    all.Append(sequence, 1);
    alone[s].Append(sequence, 1);
  }
  ASSERT_GT(all.tokens.size(), kFeedForwardRows);
  const std::vector<float> ones(all.scored_rows.size(), 1.0f);
  const auto ops = MakeCpuOps(2);
  for (const Keep keep : {Keep::kAll, Keep::kLayerInputs}) {
    ParamSet whole(params_.shared_layout()), cut(params_.shared_layout());
    PackedModel model(config_, ops.get(), keep);
    // The tied embedding's own gradient is added in batches, so it is apart.
    ParamSet whole_embedding(params_.shared_layout()),
        cut_embedding(params_.shared_layout());
    const int embedding = whole.layout().embedding();
    std::vector<float> logprobs(ones.size()), alone_logprobs;
    model.Forward(weights_, all, true);
    model.Backward(weights_, 1, ones, {}, &whole, absl::MakeSpan(logprobs), {},
                   whole_embedding.tensor(embedding));
    for (const PackedTokens& batch : alone) {
      const size_t scored = batch.scored_rows.size();
      std::vector<float> part(scored);
      model.Forward(weights_, batch, true);
      model.Backward(weights_, 1, absl::MakeSpan(ones).subspan(0, scored), {},
                     &cut, absl::MakeSpan(part), {},
                     cut_embedding.tensor(embedding));
      alone_logprobs.insert(alone_logprobs.end(), part.begin(), part.end());
    }
    EXPECT_EQ(logprobs, alone_logprobs);
    EXPECT_EQ(HashParams(whole), HashParams(cut));
    EXPECT_EQ(HashParams(whole_embedding), HashParams(cut_embedding));
  }
}

TEST_P(TransformerTest, GradientBitsDoNotDependOnThreadsOrWhatIsKept) {
  for (const Batch* batch : {&batch_, &groups_}) {
    const std::vector<float> ones(batch->scored(), 1.0f);
    std::vector<ParamSet> results;
    for (int threads : {1, 2, 3, 16}) {
      const auto ops = MakeCpuOps(threads);
      PackedModel model(config_, ops.get(), static_cast<Keep>(threads % 3));
      results.emplace_back(params_.shared_layout());
      model.Forward(weights_, batch->packed, true);
      model.Backward(weights_, 1, ones, {}, &results.back(), {}, {});
      EXPECT_EQ(HashParams(results[0]), HashParams(results.back())) << threads;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TransformerTest,
                         testing::Values(Case{"llama", true},
                                         Case{"llama", false},
                                         Case{"qwen2", true},
                                         Case{"qwen3", false}),
                         [](const auto& info) {
                           return std::string(info.param.model_type) +
                                  (info.param.is_tied ? "Tied" : "Untied");
                         });

}  // namespace
}  // namespace r1

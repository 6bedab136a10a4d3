// Stages that train adapters: they go on from a checkpoint bit for bit, sampler
// and trainer agree, and their memory is what LoRA is for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/philox.h"
#include "learner/checkpoint_store.h"
#include "learner/supervised.h"
#include "model/checkpoint.h"
#include "model/lora_files.h"
#include "tests/learner/trainer_testing.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

LoraConfig TinyLora() {
  return {4, 8, {LoraTargets().begin(), LoraTargets().end()}};
}

// A base of bf16 numbers, as most are, or of others.
TrainingState TinyStart(DType dtype, bool has_bf16_base, bool with_reference,
                        Ops* ops) {
  ModelConfig config = TinyModel();
  config.weights_dtype = dtype;
  ParamSet params = TinyParams(1);
  if (has_bf16_base) {
    for (float& p : Flat(params)) p = FromBf16(ToBf16(p));
  }
  return StartLora(TinyLora(), /*seed=*/3, "base", config, params,
                   with_reference, ops);
}

struct Case {
  DType dtype;
  bool has_bf16_base;
};

class LoraRlTest : public TrainerTest,
                   public testing::WithParamInterface<Case> {
 protected:
  std::unique_ptr<Process> Begin(MapJournal* journal, int threads = 1) {
    const std::unique_ptr<Ops> ops = MakeCpuOps(1);
    return std::make_unique<Process>(
        config_, journal, &tokenizer_, Process::Options{.threads = threads},
        TinyStart(GetParam().dtype, GetParam().has_bf16_base, true, ops.get()));
  }
  static std::string HashOf(const Process& process) {
    return HashModel(process.trainer->state());
  }
  CheckpointStore StoreIn(const ScratchFolder& folder) {
    return CheckpointStore(folder.path(), 20, ModelHead::kVocabulary,
                           GetParam().dtype, TinyLora());
  }
};

TEST_P(LoraRlTest, TheSamplersBitsAreTheTrainersAndThreadsChangeNothing) {
  std::vector<std::string> hashes;
  for (const int threads : {1, 2}) {
    for (const int microbatch_tokens : {12, 1 << 20}) {
      config_.mutable_rl()->set_microbatch_tokens(microbatch_tokens);
      MapJournal journal;
      const auto process = Begin(&journal, threads);
      const std::string start = HashOf(*process);
      for (int step = 1; step <= 4; ++step) {
        const auto metrics = process->trainer->Step();
        ASSERT_TRUE(metrics.ok()) << metrics.status();
        EXPECT_EQ(MetricOf(*metrics, "max_logprob_mismatch"), 0);
      }
      hashes.push_back(HashOf(*process));
      EXPECT_NE(hashes.back(), start);
    }
  }
  EXPECT_EQ(hashes, std::vector<std::string>(4, hashes[0]));
}

TEST_P(LoraRlTest, ReferenceIsW0UntilItIsRenewed) {
  MapJournal journal;
  const auto process = Begin(&journal);
  const TrainingState& state = process->trainer->state();
  const bool is_rounded =
      GetParam().dtype == DType::kBF16 && !GetParam().has_bf16_base;
  EXPECT_EQ(state.reference == state.lora->base(), !is_rounded);
  EXPECT_EQ(HashWeights(*state.reference, &process->ops),
            HashWeights(*state.weights, &process->ops));
  const std::string first = HashWeights(*state.reference, &process->ops);
  for (int step = 1; step <= 3; ++step) {  // renewed after the fifth update
    ASSERT_TRUE(process->trainer->Step().ok());
    EXPECT_EQ(HashWeights(*state.reference, &process->ops) == first, step < 3);
  }
}

TEST_P(LoraRlTest, ResumesBitForBitFromEveryStep) {
  const ScratchFolder folder;
  CheckpointStore store = StoreIn(folder);
  MapJournal journal;
  const auto process = Begin(&journal);
  for (int step = 0; step < 6; ++step) {
    ASSERT_TRUE(store.Save(process->trainer->state(), tokenizer_).ok());
    ASSERT_TRUE(process->trainer->Step().ok());
  }
  for (int from = 0; from < 6; ++from) {
    const auto ops = MakeCpuOps(1);
    auto state = store.Load(from, /*with_reference=*/true, ops.get());
    ASSERT_TRUE(state.ok()) << state.status();
    MapJournal rest;
    Process resumed(config_, &rest, &tokenizer_, {}, *std::move(state));
    for (int step = from; step < 6; ++step) {
      ASSERT_TRUE(resumed.trainer->Step().ok());
    }
    EXPECT_EQ(HashOf(resumed), HashOf(*process)) << "from " << from;
    EXPECT_EQ(resumed.trainer->state().lora_base, "base");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Dtypes, LoraRlTest,
    testing::Values(Case{DType::kF32, false}, Case{DType::kF32, true},
                    Case{DType::kBF16, false}, Case{DType::kBF16, true}),
    [](const auto& info) {
      return absl::StrCat(info.param.dtype == DType::kF32 ? "F32" : "Bf16",
                          info.param.has_bf16_base ? "Bf16Base" : "");
    });

absl::StatusOr<TrainSequence> Counting(uint64_t index) {
  TrainSequence example;
  for (int i = 0; i < 8; ++i) example.tokens.push_back(index * 7 % 50 + i);
  return example;
}

class LoraSupervisedTest : public testing::Test {
 protected:
  LoraSupervisedTest() {
    config_.set_steps(8);
    config_.set_batch_tokens(256);
    config_.set_learning_rate(1e-2);
    config_.set_warmup_steps(2);
  }
  SupervisedTrainer Trainer(TrainingState state) {
    return SupervisedTrainer("sft", config_, {Counting}, ops_.get(), nullptr,
                             std::move(state));
  }
  SupervisedTrainer Trainer() {
    return Trainer(TinyStart(DType::kF32, true, false, ops_.get()));
  }

  std::unique_ptr<Ops> ops_ = MakeCpuOps(2);
  Tokenizer tokenizer_ = *TrainTokenizer({}, 257, true);
  SupervisedSection config_;
  ScratchFolder folder_;
  CheckpointStore store_{folder_.path(), 20, ModelHead::kVocabulary,
                         DType::kF32, TinyLora()};
};

TEST_F(LoraSupervisedTest, LearnsAndResumesBitForBit) {
  SupervisedTrainer trainer = Trainer();
  double first = 0, last = 0;
  for (int step = 0; step < 8; ++step) {
    ASSERT_TRUE(store_.Save(trainer.state(), tokenizer_).ok());
    last = MetricOf(*trainer.Step(), "loss");
    if (step == 0) first = last;
  }
  EXPECT_LT(last, first - 0.05);
  for (const int from : {0, 3, 7}) {
    auto state = store_.Load(from, false, ops_.get());
    ASSERT_TRUE(state.ok()) << state.status();
    SupervisedTrainer resumed = Trainer(*std::move(state));
    for (int step = from; step < 8; ++step) ASSERT_TRUE(resumed.Step().ok());
    EXPECT_EQ(HashModel(resumed.state()), HashModel(trainer.state())) << from;
  }
}

// The folder is the merged model; what is frozen has the bits of W0.
TEST_F(LoraSupervisedTest, CheckpointsAreMergedFoldersWithAdaptersBeside) {
  SupervisedTrainer trainer = Trainer();
  ASSERT_TRUE(store_.Save(trainer.state(), tokenizer_).ok());
  for (int step = 0; step < 3; ++step) ASSERT_TRUE(trainer.Step().ok());
  ASSERT_TRUE(store_.Save(trainer.state(), tokenizer_).ok());
  const auto base = LoadModelFolder(store_.PathOf(0));
  const auto merged = LoadModelFolder(store_.PathOf(3));
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(HashParams(merged->params), HashModel(trainer.state()));
  for (size_t i = 0; i < base->params.layout().tensors().size(); ++i) {
    const std::string& name = base->params.layout().tensor(i).name;
    const auto before = Elements(base->params, i);
    const auto after = Elements(merged->params, i);
    EXPECT_EQ(std::vector<float>(before.begin(), before.end()) ==
                  std::vector<float>(after.begin(), after.end()),
              name.find("_proj.weight") == std::string::npos)
        << name;
  }
  const Lora lora(TinyLora(), base->config, base->params, ops_.get());
  ParamSet adapters(lora.layout());
  const auto read =
      ReadAdapters(store_.PathOf(3) + "/adapter", lora, &adapters);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(HashParams(adapters), HashParams(trainer.state().params));
}

TEST_F(LoraSupervisedTest, DamageOfW0IsNamed) {
  SupervisedTrainer trainer = Trainer();
  ASSERT_TRUE(store_.Save(trainer.state(), tokenizer_).ok());
  ASSERT_TRUE(trainer.Step().ok());
  ASSERT_TRUE(store_.Save(trainer.state(), tokenizer_).ok());
  const std::string path = store_.PathOf(0) + "/model.safetensors";
  std::string content = *ReadFile(path);
  content[content.size() / 2] ^= 1;
  ASSERT_TRUE(WriteFileAtomic(path, content).ok());
  const absl::Status status = store_.Load(1, false, ops_.get()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
}

// Bytes of the buffers behind a version.
int64_t BytesOf(const PolicyWeights& weights) {
  int64_t floats = 0;
  std::vector<const Linear*> matrices = {&weights.head()};
  if (&weights.embedding() != &weights.head()) {
    matrices.push_back(&weights.embedding());
  }
  floats += weights.final_norm().count();
  for (int l = 0; l < weights.config().num_layers; ++l) {
    const LayerWeights& w = weights.layer(l);
    for (const Linear* matrix : {&w.qkv, &w.o, &w.gate_up, &w.down}) {
      matrices.push_back(matrix);
    }
    for (const auto& vector :
         {w.input_norm, w.qkv_bias, w.q_norm, w.k_norm, w.post_norm}) {
      floats += vector.count();
    }
  }
  for (const Linear* matrix : matrices) floats += matrix->data.count();
  return floats * static_cast<int64_t>(sizeof(float));
}

// Beside the weights that are sampled and trained with: W0, which is the
// reference, too, and master, gradient and moments of the adapters.
TEST(LoraMemoryTest, AtMostThreeBytesAParameterBesideTheWeights) {
  ModelConfig config;  // SmolLM2-135M
  config.model_type = "llama";
  config.vocab_size = 49152;
  config.hidden_size = 576;
  config.intermediate_size = 1536;
  config.num_layers = 30;
  config.num_heads = 9;
  config.num_kv_heads = 3;
  config.head_dim = 64;
  config.max_positions = 64;
  config.tie_embeddings = true;
  config.weights_dtype = DType::kBF16;
  const std::unique_ptr<Ops> ops = MakeCpuOps(2);
  LoraConfig lora = TinyLora();
  lora.rank = 16;
  const TrainingState state =
      StartLora(lora, 1, "base", config,
                ParamSet(std::make_shared<const ParamLayout>(config)),
                /*with_reference=*/true, ops.get());
  const ParamSet grads(state.params.shared_layout());  // as trainers have them
  int64_t bytes = BytesOf(*state.lora->base());
  if (state.reference != state.lora->base()) bytes += BytesOf(*state.reference);
  for (const ParamSet* set :
       {&state.params, &state.optimizer.m, &state.optimizer.v, &grads}) {
    bytes += Flat(*set).size() * sizeof(float);
  }
  const double parameters = state.weights->layout().count();
  EXPECT_NEAR(parameters, 134.5e6, 0.1e6);
  const double per_parameter = bytes / parameters;
  RecordProperty("bytes_per_parameter", absl::StrCat(per_parameter));
  EXPECT_LE(per_parameter, 3);
  EXPECT_GE(per_parameter, 2) << "something was not counted";
}

}  // namespace
}  // namespace r1

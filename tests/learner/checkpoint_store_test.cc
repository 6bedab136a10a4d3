#include "learner/checkpoint_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <limits>

#include "base/file.h"
#include "base/log.h"
#include "tests/learner/fakes.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CheckpointStoreTest : public testing::Test {
 protected:
  CheckpointStoreTest()
      : ops_(MakeCpuOps(1)),
        tokenizer_(*TrainTokenizer({}, 257, true)),
        store_(folder_.path() + "/checkpoints", 2) {
    SetLogSink([this](const std::string& line) { log_.push_back(line); });
  }
  ~CheckpointStoreTest() override { SetLogSink(nullptr); }

  // A state whose every number differs from step to step.
  TrainingState StateAt(int64_t step) {
    TrainingState state = StartTraining(TinyModel(), TinyParams(step + 1),
                                        /*with_reference=*/true, ops_.get());
    InitializeParams(step + 100, &state.optimizer.m);
    InitializeParams(step + 200, &state.optimizer.v);
    state.reference =
        MakePolicyWeights(TinyModel(), TinyParams(step + 300), ops_.get());
    state.step = step;
    state.version = step + 1;
    state.next_index = 1000 * step;
    state.optimizer.step = 3 * step;
    state.optimizer.updates = 4 * step;
    state.optimizer.skipped_in_a_row = step % 3;
    return state;
  }
  void Save(int64_t step) {
    const absl::Status status = store_.Save(StateAt(step), tokenizer_);
    ASSERT_TRUE(status.ok()) << status;
  }
  void ExpectEqual(const TrainingState& a, const TrainingState& b) {
    EXPECT_EQ(a.step, b.step);
    EXPECT_EQ(a.version, b.version);
    EXPECT_EQ(a.next_index, b.next_index);
    EXPECT_EQ(a.optimizer.step, b.optimizer.step);
    EXPECT_EQ(a.optimizer.updates, b.optimizer.updates);
    EXPECT_EQ(a.optimizer.skipped_in_a_row, b.optimizer.skipped_in_a_row);
    EXPECT_EQ(HashParams(a.params), HashParams(b.params));
    EXPECT_EQ(HashParams(a.optimizer.m), HashParams(b.optimizer.m));
    EXPECT_EQ(HashParams(a.optimizer.v), HashParams(b.optimizer.v));
    EXPECT_EQ(HashWeights(*a.weights, ops_.get()),
              HashWeights(*b.weights, ops_.get()));
    EXPECT_EQ(HashWeights(*a.reference, ops_.get()),
              HashWeights(*b.reference, ops_.get()));
  }
  // Flips one bit in the middle of a file.
  void Damage(const std::string& path) {
    std::string content = *ReadFile(path);
    content[content.size() / 2] ^= 1;
    ASSERT_TRUE(WriteFileAtomic(path, content).ok());
  }

  ScratchFolder folder_;
  std::vector<std::string> log_;
  std::unique_ptr<Ops> ops_;
  Tokenizer tokenizer_;
  CheckpointStore store_;
};

TEST_F(CheckpointStoreTest, LoadRestoresEverySavedBit) {
  Save(5);
  const auto loaded = store_.Load(5, true, ops_.get());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ExpectEqual(*loaded, StateAt(5));
}

TEST_F(CheckpointStoreTest, ReferenceIsOptional) {
  TrainingState state = StateAt(4);
  state.reference = nullptr;
  ASSERT_TRUE(store_.Save(state, tokenizer_).ok());
  const auto loaded = store_.Load(4, false, ops_.get());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->reference, nullptr);
  const auto with = store_.LoadNewest(true, ops_.get());
  EXPECT_EQ(with.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(with.status().message()), HasSubstr("kl_coef"));
}

TEST_F(CheckpointStoreTest, MomentsThatAreNotFiniteAreRefused) {
  TrainingState state = StateAt(5);
  Elements(state.optimizer.v, 0)[3] = std::numeric_limits<float>::infinity();
  ASSERT_TRUE(store_.Save(state, tokenizer_).ok());
  const auto loaded = store_.Load(5, true, ops_.get());
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(loaded.status().message()),
              HasSubstr("tensor v.model.embed_tokens.weight holds a value that "
                        "is not finite"));
}

TEST_F(CheckpointStoreTest, KeepsTheNewestAndStepZero) {
  for (int64_t step : {0, 3, 6, 9}) Save(step);
  EXPECT_THAT(*store_.Steps(), ElementsAre(0, 6, 9));
  EXPECT_THAT(*ListDirectory(folder_.path() + "/checkpoints"),
              ElementsAre("step-0", "step-6", "step-9"));
}

TEST_F(CheckpointStoreTest, EmptyFolderIsNotFound) {
  EXPECT_EQ(store_.LoadNewest(true, ops_.get()).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(*store_.Steps(), IsEmpty());
}

// Every file of the newest checkpoint in turn: named, and the older one used.
TEST_F(CheckpointStoreTest, DamageIsNamedAndTheOlderOneUsed) {
  for (const char* file :
       {"model.safetensors", "config.json", "tokenizer.json",
        "trainer/optimizer.safetensors", "trainer/reference.safetensors",
        "trainer/state.json"}) {
    SCOPED_TRACE(file);
    ASSERT_TRUE(RemoveAll(folder_.path() + "/checkpoints").ok());
    Save(1);
    Save(2);
    log_.clear();
    Damage(absl::StrCat(store_.PathOf(2), "/", file));
    const auto loaded = store_.LoadNewest(true, ops_.get());
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    ExpectEqual(*loaded, StateAt(1));
    ASSERT_EQ(log_.size(), 1);
    EXPECT_THAT(log_[0], HasSubstr(file));
    EXPECT_THAT(log_[0], HasSubstr("step-2"));
  }
}

TEST_F(CheckpointStoreTest, MissingAndTruncatedFilesAreDamage) {
  Save(1);
  Save(2);
  ASSERT_TRUE(RemoveAll(store_.PathOf(2) + "/model.safetensors").ok());
  EXPECT_EQ(store_.LoadNewest(true, ops_.get())->step, 1);
  const std::string path = store_.PathOf(1) + "/model.safetensors";
  const std::string content = *ReadFile(path);
  ASSERT_TRUE(
      WriteFileAtomic(path, absl::string_view(content).substr(0, 5000)).ok());
  const auto none = store_.LoadNewest(true, ops_.get());
  EXPECT_EQ(none.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(none.status().message()),
              HasSubstr("all 2 checkpoints"));
}

TEST_F(CheckpointStoreTest, LeftoversOfInterruptedSavesAreRemoved) {
  Save(1);
  const std::string leftover = folder_.path() + "/checkpoints/tmp-step-2";
  ASSERT_TRUE(MakeDirectories(leftover).ok());
  ASSERT_TRUE(WriteFileAtomic(leftover + "/model.safetensors", "half").ok());
  EXPECT_EQ(store_.LoadNewest(true, ops_.get())->step, 1);
  EXPECT_FALSE(FileExists(leftover));
}

TEST_F(CheckpointStoreTest, ForeignNamesAreLeftAlone) {
  Save(1);
  for (const char* name : {"step-x", "step-01", "best", "step--1"}) {
    ASSERT_TRUE(
        MakeDirectories(absl::StrCat(folder_.path(), "/checkpoints/", name))
            .ok());
  }
  Save(2);
  Save(3);
  EXPECT_THAT(*store_.Steps(), ElementsAre(2, 3));
  EXPECT_TRUE(FileExists(folder_.path() + "/checkpoints/best"));
}

TEST_F(CheckpointStoreTest, SavingAStepAgainKeepsTheFirst) {
  Save(1);
  const std::string before =
      *ReadFile(store_.PathOf(1) + "/trainer/state.json");
  Save(1);
  EXPECT_EQ(*ReadFile(store_.PathOf(1) + "/trainer/state.json"), before);
}

TEST_F(CheckpointStoreTest, SavingADamagedStepReplacesIt) {
  Save(1);
  Save(2);
  Damage(store_.PathOf(2) + "/model.safetensors");
  Save(2);
  EXPECT_EQ(store_.LoadNewest(true, ops_.get())->step, 2);
  EXPECT_THAT(log_, IsEmpty());
}

// Only one is kept, and a damaged later one must not push it out.
TEST_F(CheckpointStoreTest, DamagedLaterStepDoesNotCostTheNewestWholeOne) {
  store_ = CheckpointStore(folder_.path() + "/checkpoints", 1);
  Save(1);
  Save(5);
  Damage(store_.PathOf(5) + "/model.safetensors");
  Save(3);
  EXPECT_EQ(store_.LoadNewest(true, ops_.get())->step, 3);
}

// The disk is full after 100 kB of a file.
TEST_F(CheckpointStoreTest, FailedSaveIsTypedAndLeavesNothingBehind) {
  Save(1);
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{100000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const absl::Status status = store_.Save(StateAt(2), tokenizer_);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("step-2"));
  EXPECT_THAT(*ListDirectory(folder_.path() + "/checkpoints"),
              ElementsAre("step-1"));
  Save(2);
  EXPECT_EQ(store_.LoadNewest(true, ops_.get())->step, 2);
}

// A saving process is killed at many moments: what is visible is always whole.
TEST_F(CheckpointStoreTest, KillWhileSavingLeavesAWholeCheckpoint) {
  Save(0);
  int64_t step = 1;
  for (int round = 0; round < 20; ++round) {
    int started[2];
    ASSERT_EQ(::pipe(started), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      // No other thread survives the fork: make the ops anew.
      ops_.release();
      ops_ = MakeCpuOps(1);
      for (int64_t s = step;; ++s) {
        if (!store_.Save(StateAt(s), tokenizer_).ok()) ::_exit(1);
        if (::write(started[1], "x", 1) != 1) ::_exit(1);
      }
    }
    char byte;
    ASSERT_EQ(::read(started[0], &byte, 1), 1);
    ::usleep(round * 8000);  // spread over the next save
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(started[0]);
    ::close(started[1]);
    const auto loaded = store_.LoadNewest(true, ops_.get());
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_GE(loaded->step, step);
    ExpectEqual(*loaded, StateAt(loaded->step));
    EXPECT_THAT(log_, IsEmpty()) << "nothing visible is damaged";
    step = loaded->step + 1;
  }
}

}  // namespace
}  // namespace r1

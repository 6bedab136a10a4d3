#include "pipeline/stages/epoch_steps.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pipeline/process/stop_signal.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

class CountedProgress : public Progress {
 public:
  void Activity(const std::string& what, int64_t done, int64_t total) override {
    said.push_back(absl::StrCat(what, " ", done, " of ", total));
  }
  void Stages(std::vector<StageStatus>) override {}
  void Describe(const std::string&) override {}
  void StartStage(const std::string&, int64_t, int64_t) override {}
  void Step(int64_t, const Metrics&) override {}
  void Eval(int64_t, const Metrics&) override {}
  void Workers(std::vector<WorkerStatus>) override {}

  std::vector<std::string> said;
};

// A stage of batches of 10 tokens; example i has 4 + i % 3 of them.
class EpochStepsTest : public ::testing::Test {
 protected:
  EpochStepsTest() {
    config_.set_name("sft");
    config_.mutable_supervised()->set_batch_tokens(10);
    config_.mutable_supervised()->set_epochs(2);
    run_.progress = &progress_;
    context_.run = &run_;
    context_.config = &config_;
    Open();
  }
  // As the next start finds the stage.
  void Open() {
    folder_ = std::make_unique<StageFolder>(
        *StageFolder::Open(run_dir_.path(), config_));
    context_.folder = folder_.get();
  }
  static absl::StatusOr<TrainSequence> Example(uint64_t index) {
    TrainSequence example;
    example.tokens.assign(4 + index % 3, 1);
    example.first_scored = 1;
    return example;
  }

  TestFolder run_dir_;
  StageConfig config_;
  CountedProgress progress_;
  RunContext run_;
  StageContext context_;
  std::unique_ptr<StageFolder> folder_;
};

// 4 5 | 6 4 | 5 | 6 4 | 5: no two of 5 and 6 fit into 10.
TEST_F(EpochStepsTest, AreCountedInSightAndOnce) {
  EXPECT_EQ(*StepsOfEpochs(context_, Example, 8), 5);
  ASSERT_EQ(progress_.said.size(), 8u);
  EXPECT_EQ(progress_.said[7], "counting rows 7 of 8");
  Open();
  const ExampleSource gone = [](uint64_t) {
    return absl::StatusOr<TrainSequence>(absl::InternalError("is read again"));
  };
  EXPECT_EQ(*StepsOfEpochs(context_, gone, 8), 5);
}

TEST_F(EpochStepsTest, ADamagedNumberIsNamed) {
  ASSERT_TRUE(folder_->Pin("steps", "many", "").ok());
  const absl::Status status = StepsOfEpochs(context_, Example, 8).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("steps is many"), std::string::npos);
}

// In a process of its own, to which the handlers belong.
TEST_F(EpochStepsTest, ASignalEndsTheCount) {
  const pid_t child = ::fork();
  if (child == 0) {
    InstallStopSignals();
    uint64_t last = 0;
    const ExampleSource source = [&](uint64_t index) {
      last = index;
      if (index == 3) ::raise(SIGTERM);
      return Example(index);
    };
    const absl::Status status = StepsOfEpochs(context_, source, 8).status();
    ::_exit(absl::IsCancelled(status) && last == 3 ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(folder_->Fact("steps"), "");
}

}  // namespace
}  // namespace r1

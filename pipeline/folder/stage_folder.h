// RUN/stages/NAME/: what one stage was computed from and what came of it.
//   stage.textproto    the resolved stage
//   stage.json         what it was computed from; once done, its output
//   checkpoints/step-N   of a model
//   data.jsonl           of a stage that samples
#ifndef R1_PIPELINE_FOLDER_STAGE_FOLDER_H_
#define R1_PIPELINE_FOLDER_STAGE_FOLDER_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/config.pb.h"

namespace r1 {

// In stage.json of a stage that is done: the SHA-256 of its model or data. Also
// the name in what programs read of it.
inline constexpr char kOutputSha256[] = "output_sha256";

// Folder of a stage below a run.
std::string StagePath(const std::string& run_dir, const std::string& stage);
// Folder of its checkpoints.
std::string StageCheckpoints(const std::string& run_dir,
                             const std::string& stage);

// What a stage that samples has kept.
std::string StageData(const std::string& run_dir, const std::string& stage);

// Threads: one.
class StageFolder {
 public:
  // Creates the folder or goes on with it. Nothing else is checked: that is
  // RunFolder's part.
  // Errors: DataLoss for a damaged stage.json.
  static absl::StatusOr<StageFolder> Open(const std::string& run_dir,
                                          const StageConfig& config);

  // Records a fact that must stay true for the stage, or checks it against what
  // is recorded. `what` names it for people, e.g. "the training data".
  // Errors: FailedPrecondition if the recorded value differs, with the stage
  // and the remedy.
  absl::Status Pin(const std::string& key, const std::string& value,
                   const std::string& what);

  // What is recorded as `key`; empty: nothing.
  std::string Fact(const std::string& key) const;

  // Pins the hashes of the files that the stage reads and of what the stages it
  // needs have made.
  absl::Status PinInputs(const std::string& run_dir);
  // A checkpoint is saved: from now on the stage never starts from nothing.
  absl::Status NoteCheckpoint();

  // The stage is done, and this is the SHA-256 of its model or data.
  absl::Status Finish(const std::string& output_sha256);
  // The SHA-256 of the stage's own section, of all it inherits, its seed and
  // its inputs, as far as they are pinned: equal keys, equal models.
  std::string Key() const;

  std::string checkpoints() const { return path_ + "/checkpoints"; }
  std::string data() const { return path_ + "/data.jsonl"; }
  const std::string& path() const { return path_; }

 private:
  StageFolder(std::string path, const StageConfig& config)
      : path_(std::move(path)), config_(config) {}
  absl::Status Write() const;

  std::string path_;
  StageConfig config_;
  std::map<std::string, std::string> facts_;
};

// Whether stage.json says that the stage is done.
bool IsFinishedStage(const std::string& run_dir, const std::string& stage);
// Whether all that a finished stage was computed from is as it was: the model
// it is from, and the files it read, but for those that are gone. Errors:
// FailedPrecondition naming stage, file and remedy.
absl::Status CheckInputsStay(const std::string& run_dir,
                             const StageConfig& stage);

// Whether checkpoints of the stage were saved and there is none any more.
bool HasLostCheckpoints(const std::string& run_dir, const std::string& stage);

// Whether anything of the stage is recorded in its folder.
bool HasStageBegun(const std::string& run_dir, const std::string& stage);

// The resolved stage that the folder was made with.
// Errors: NotFound if there is none, DataLoss if it cannot be read.
absl::StatusOr<StageConfig> ReadStageConfig(const std::string& run_dir,
                                            const std::string& stage);

// The facts of stage.json, the key among them; none if the stage has not begun.
// Errors: DataLoss.
absl::StatusOr<std::map<std::string, std::string>> ReadStageFacts(
    const std::string& run_dir, const std::string& stage);

// The stage is to go on: takes back that it is done.
absl::Status ReopenStage(const std::string& run_dir, const std::string& stage);

// What of `config` decides what a stage of its kind makes: without where or how
// fast it computes, what is looked at on the way, and sections that another
// kind reads.
StageConfig EssenceOf(const StageConfig& config);

// The stage goes on, or stays as it is, with this configuration.
absl::Status WriteStageConfig(const std::string& run_dir,
                              const StageConfig& config);

}  // namespace r1

#endif  // R1_PIPELINE_FOLDER_STAGE_FOLDER_H_

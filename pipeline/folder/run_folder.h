// RUN/: the folder of one run, held by one process at a time, and what keeps
// a resumed run the same run.
//   lock, owner.json, config.textproto, manifest.json, run.db, stages/NAME/,
//   report.html, summary.json
#ifndef R1_PIPELINE_FOLDER_RUN_FOLDER_H_
#define R1_PIPELINE_FOLDER_RUN_FOLDER_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file.h"
#include "proto/config.pb.h"

namespace r1 {

// A run has begun once one of its stages has or run.db has a row. Until then a
// start may have any recipe, and begins anew; from then on nothing that was
// recorded is deleted or replaced, but by `redo`.
// Threads: one.
class RunFolder {
 public:
  // Creates the folder or goes on with it, locks it, and writes the recipe. A
  // stage that has begun must go on as it began; stages that have not may
  // change, come and go. What may differ: where and how fast it runs (threads,
  // reward.server, rollout.max_batch, rollout.lease_seconds), and, recorded in
  // changes(), `eval`, `checkpoint` and a larger rl.steps with a constant
  // schedule; with `accept_build` also the program. Stages of `redo`, and those
  // that need them, begin anew: dropped() names them.
  // Errors: Unavailable if another process holds the folder; FailedPrecondition
  // if a stage's configuration, the build or the device differs (names
  // the difference, and the stages that depend on it), if its checkpoints are
  // gone, or if the folder holds something that is no run; NotFound for an
  // unknown stage to redo; DataLoss for a damaged or missing manifest. Nothing
  // is changed then.
  static absl::StatusOr<RunFolder> Open(
      const std::string& path, const Recipe& recipe, bool accept_build = false,
      const std::vector<std::string>& redo = {});

  // What Open would say of the folder, but for who holds it. Changes nothing.
  static absl::Status Check(const std::string& path, const Recipe& recipe,
                            bool accept_build,
                            const std::vector<std::string>& redo);

  // The run is whole and the recipe asks for no more: Open changed
  // nothing.
  bool is_finished() const { return is_finished_; }
  // What Open changed of a run that has begun, one line each. manifest.json
  // keeps those of all sessions.
  const std::vector<std::string>& changes() const { return changes_; }

  // Stages whose folders Open removed, to be computed anew.
  const std::vector<std::string>& dropped() const { return dropped_; }

  // Records a fact that must stay true for the whole run, or checks it against
  // what is recorded. `what` names it for people, e.g. "the training data".
  // Errors: FailedPrecondition if the recorded value differs.
  absl::Status Pin(const std::string& key, const std::string& value,
                   const std::string& what);
  // What the database holds of dropped() is gone, too.
  absl::Status NoteDropped();

  const std::string& path() const { return path_; }
  std::string database_path() const { return path_ + "/run.db"; }
  std::string report_path() const { return path_ + "/report.html"; }
  // Written last: the run is whole then (IsWholeRun).
  std::string summary_path() const;

 private:
  RunFolder(std::string path, std::unique_ptr<FileLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  absl::StatusOr<bool> HasBegun() const;
  absl::Status StartAnew(const Recipe& recipe);
  // Whether a run that has begun goes on as it began. Adds to `redone` the
  // stages that were to be computed anew before a kill.
  absl::Status CheckGoesOn(const Recipe& recipe, bool accept_build,
                           std::set<std::string>* redone);
  absl::Status GoOn(const Recipe& recipe, bool accept_build,
                    std::set<std::string> redone);
  absl::Status DropStages(const std::set<std::string>& redone);
  absl::Status TellWhatComesTooLate(
      const std::vector<StageConfig>& stages) const;
  absl::Status CheckProgram(const Recipe& recipe, bool accept_build);
  absl::Status CheckCheckpoints(const std::vector<StageConfig>& stages,
                                const std::set<std::string>& redone) const;
  absl::Status AdoptChanges(const Recipe& recipe,
                            const std::vector<StageConfig>& stages);
  absl::Status PinProgram(const Recipe& recipe);
  absl::Status CheckPinned(const std::string& key, const std::string& value,
                           absl::string_view what,
                           absl::string_view remedy) const;
  absl::Status ReadManifest();
  absl::Status WriteManifest() const;

  std::string path_;
  std::unique_ptr<FileLock> lock_;
  bool is_finished_ = false;
  std::map<std::string, std::string> manifest_;
  std::vector<std::string> history_;  // of changes, with their times
  std::vector<std::string> changes_;
  std::vector<std::string> dropped_;
};

// Whether `Open` would find the run whole, from a look at the folder alone.
absl::StatusOr<bool> IsFinishedRun(const std::string& run_dir,
                                   const Recipe& recipe);

// What of a stage that has begun differs from its configuration now, and is not
// for a resumed stage to take over.
// Errors: those of ReadStageConfig.
absl::StatusOr<std::vector<std::string>> ChangesOfStage(
    const std::string& run_dir, const StageConfig& stage);

// The recipe a run folder was made with.
// Errors: NotFound if there is none.
absl::StatusOr<Recipe> ReadRecipe(const std::string& run_dir);

// The id of the build that works or worked on the run.
// Errors: those of ReadFile; DataLoss if manifest.json does not say.
absl::StatusOr<std::string> RecordedBuild(const std::string& run_dir);

// True if the folder is that of a run, whole or not.
bool IsRunFolder(const std::string& path);

// True if the run has done all it has to do.
bool IsWholeRun(const std::string& path);

}  // namespace r1

#endif  // R1_PIPELINE_FOLDER_RUN_FOLDER_H_

// RUN/: the folder of one run, held by one process at a time, and what keeps
// a resumed run the same run.
//   lock, owner.json, config.textproto, manifest.json, run.db, checkpoints/,
//   report.html, summary.json
#ifndef R1_PIPELINE_RUN_FOLDER_H_
#define R1_PIPELINE_RUN_FOLDER_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file.h"
#include "proto/config.pb.h"

namespace r1 {

// A run has begun once its base model is pinned or run.db has a row. Until
// then a start may have any configuration, and begins anew; from then on
// nothing that was recorded is deleted or replaced.
// Threads: one.
class RunFolder {
 public:
  // Creates the folder or goes on with it, locks it, and writes the resolved
  // configuration. A run that has begun must go on as it began. What may
  // differ: where and how fast it runs (threads, reward.server,
  // rollout.max_batch, rollout.lease_seconds), and, recorded in
  // config.textproto and changes(), `eval`, `checkpoint` and a larger rl.steps
  // with a constant schedule; with `accept_build` also the program. Errors:
  // Unavailable if another process holds the folder; FailedPrecondition if its
  // configuration, build or instruction set differs (names the difference), if
  // its checkpoints are gone, or if it holds something that is no run; DataLoss
  // for a damaged or missing manifest. Nothing is changed then.
  static absl::StatusOr<RunFolder> Open(const std::string& path,
                                        const RunConfig& config,
                                        bool accept_build = false);

  // The run is whole and the configuration asks for no more: Open changed
  // nothing.
  bool is_finished() const { return is_finished_; }
  // What Open changed of a run that has begun, one line each. manifest.json
  // keeps those of all sessions.
  const std::vector<std::string>& changes() const { return changes_; }

  // Records a fact that must stay true for the whole run, or checks it against
  // what is recorded. `what` names it for people, e.g. "the training data".
  // Errors: FailedPrecondition if the recorded value differs.
  absl::Status Pin(const std::string& key, const std::string& value,
                   const std::string& what);
  // A checkpoint is saved: from now on the run never starts from nothing.
  absl::Status NoteCheckpoint();

  const std::string& path() const { return path_; }
  std::string database_path() const { return path_ + "/run.db"; }
  std::string checkpoints_path() const { return path_ + "/checkpoints"; }
  std::string report_path() const { return path_ + "/report.html"; }
  // Written last: the run is whole then (IsWholeRun).
  std::string summary_path() const;

 private:
  RunFolder(std::string path, std::unique_ptr<FileLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  absl::StatusOr<bool> HasBegun() const;
  absl::StatusOr<bool> HasCheckpoint() const;
  absl::Status StartAnew(const RunConfig& config);
  absl::Status GoOn(const RunConfig& config, bool accept_build);
  absl::Status TellWhatComesTooLate(const RunConfig& config) const;
  absl::Status CheckProgram(bool accept_build);
  absl::Status CheckCheckpoints() const;
  absl::Status AdoptChanges(const RunConfig& recorded, const RunConfig& config);
  absl::Status PinProgram();
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
};

// Whether `Open` would find the run whole, from a look at the folder alone.
absl::StatusOr<bool> IsFinishedRun(const std::string& run_dir,
                                   const RunConfig& config);

// The configuration a run folder was made with.
// Errors: NotFound if there is none.
absl::StatusOr<RunConfig> ReadRunConfig(const std::string& run_dir);

// True if the folder is that of a run, whole or not.
bool IsRunFolder(const std::string& path);

// True if the run has done all it has to do.
bool IsWholeRun(const std::string& path);

}  // namespace r1

#endif  // R1_PIPELINE_RUN_FOLDER_H_

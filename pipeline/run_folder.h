// RUN/: the folder of one run, held by one process at a time, and what keeps
// a resumed run the same run.
//   lock, owner.json, config.textproto, manifest.json, run.db, checkpoints/,
//   report.html, summary.json
#ifndef R1_PIPELINE_RUN_FOLDER_H_
#define R1_PIPELINE_RUN_FOLDER_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"
#include "proto/config.pb.h"

namespace r1 {

// Threads: one.
class RunFolder {
 public:
  // Creates the folder or goes on with it, locks it, and writes the resolved
  // configuration. A run without any checkpoint has not begun: it starts anew.
  // One that has must go on as it began: `config` must be what the run began
  // with, save for where and how fast it runs: threads, reward.server,
  // rollout.max_batch and rollout.lease_seconds. Errors: Unavailable if
  // another process holds the folder; FailedPrecondition if its configuration,
  // build or instruction set differs (names the difference), or if it holds
  // something that is no run. Nothing is changed then.
  static absl::StatusOr<RunFolder> Open(const std::string& path,
                                        const RunConfig& config);

  // Records a fact that must stay true for the whole run, or checks it against
  // what is recorded. `what` names it for people, e.g. "the training data".
  // Errors: FailedPrecondition if the recorded value differs.
  absl::Status Pin(const std::string& key, const std::string& value,
                   const std::string& what);

  const std::string& path() const { return path_; }
  std::string database_path() const { return path_ + "/run.db"; }
  std::string checkpoints_path() const { return path_ + "/checkpoints"; }
  std::string report_path() const { return path_ + "/report.html"; }
  // Written last: the run is whole then (IsWholeRun).
  std::string summary_path() const;

 private:
  RunFolder(std::string path, std::unique_ptr<FileLock> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  bool HasBegun() const;
  absl::Status CheckConfig(const RunConfig& config) const;
  absl::Status ReadManifest();
  absl::Status WriteManifest() const;

  std::string path_;
  std::unique_ptr<FileLock> lock_;
  std::map<std::string, std::string> manifest_;
};

// The configuration a run folder was made with.
// Errors: NotFound if there is none.
absl::StatusOr<RunConfig> ReadRunConfig(const std::string& run_dir);

// True if the folder is that of a run, whole or not.
bool IsRunFolder(const std::string& path);

// True if the run has done all it has to do.
bool IsWholeRun(const std::string& path);

}  // namespace r1

#endif  // R1_PIPELINE_RUN_FOLDER_H_

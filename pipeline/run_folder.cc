#include "pipeline/run_folder.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "google/protobuf/util/message_differencer.h"
#include "kernels/ops.h"
#include "nlohmann/json.hpp"
#include "pipeline/build_id.h"
#include "proto/config.h"

namespace r1 {
namespace {

constexpr char kConfigName[] = "/config.textproto";
constexpr char kManifestName[] = "/manifest.json";
constexpr char kLockName[] = "/lock";
constexpr char kSummaryName[] = "/summary.json";

constexpr char kOtherFolder[] =
    "start this one in a new folder with --run-dir, or repeat the command that "
    "began the run";

absl::Status CheckIsRunOrEmpty(const std::string& path) {
  if (!FileExists(path) || FileExists(path + kConfigName)) {
    return absl::OkStatus();
  }
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                      ListDirectory(path));
  for (const std::string& name : names) {
    // What an interrupted first start can leave behind.
    if (name == "lock" || absl::StrContains(name, ".tmp")) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(path, " holds files but no run (", name,
                     "): give --run-dir a new or empty folder"));
  }
  return absl::OkStatus();
}

// Facts of a configuration that decide where or how fast a run computes, never
// what.
void IgnoreFreeFields(google::protobuf::util::MessageDifferencer* differ) {
  differ->IgnoreField(RunConfig::descriptor()->FindFieldByName("threads"));
  differ->IgnoreField(RewardSection::descriptor()->FindFieldByName("server"));
  differ->IgnoreField(
      RolloutSection::descriptor()->FindFieldByName("max_batch"));
  differ->IgnoreField(
      RolloutSection::descriptor()->FindFieldByName("lease_seconds"));
}

}  // namespace

absl::StatusOr<RunFolder> RunFolder::Open(const std::string& path,
                                          const RunConfig& config) {
  R1_RETURN_IF_ERROR(CheckIsRunOrEmpty(path));
  R1_RETURN_IF_ERROR(MakeDirectories(path));
  R1_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock,
                      FileLock::Acquire(path + kLockName));
  RunFolder folder(path, std::move(lock));
  if (folder.HasBegun()) {
    R1_RETURN_IF_ERROR(folder.ReadManifest());
  } else {
    for (const char* name : {"run.db", "run.db-wal", "run.db-shm"}) {
      R1_RETURN_IF_ERROR(RemoveAll(absl::StrCat(path, "/", name)));
    }
    R1_RETURN_IF_ERROR(
        WriteFileAtomic(path + kConfigName, ConfigToText(config)));
  }
  // The build first: another build may not even know the old configuration.
  R1_ASSIGN_OR_RETURN(const std::string build_id, BuildId());
  R1_RETURN_IF_ERROR(folder.Pin("build_id", build_id, "the program's build"));
  R1_RETURN_IF_ERROR(
      folder.Pin("simd_target", CpuTargetName(), "the CPU's instruction set"));
  R1_RETURN_IF_ERROR(
      folder.Pin("version", ProgramVersion(), "the program's version"));
  R1_RETURN_IF_ERROR(folder.CheckConfig(config));
  R1_RETURN_IF_ERROR(
      folder.Pin("seed", absl::StrCat(config.seed()), "the seed"));
  return folder;
}

std::string RunFolder::summary_path() const { return path_ + kSummaryName; }

bool RunFolder::HasBegun() const {
  return FileExists(path_ + kManifestName) && FileExists(checkpoints_path());
}

absl::Status RunFolder::CheckConfig(const RunConfig& config) const {
  R1_ASSIGN_OR_RETURN(const RunConfig recorded, ReadRunConfig(path_));
  google::protobuf::util::MessageDifferencer differ;
  IgnoreFreeFields(&differ);
  std::string differences;
  differ.ReportDifferencesToString(&differences);
  if (differ.Compare(recorded, config)) return absl::OkStatus();
  // "modified: rl.steps: 100 -> 50\n..." as one line.
  std::vector<std::string> lines = absl::StrSplit(differences, '\n');
  std::erase_if(lines, [](const std::string& line) {
    return line.empty() || absl::StartsWith(line, "ignored: ");
  });
  return absl::FailedPreconditionError(
      absl::StrCat(path_, " was begun with another configuration (",
                   absl::StrJoin(lines, "; "), "): ", kOtherFolder));
}

absl::Status RunFolder::ReadManifest() {
  const std::string path = path_ + kManifestName;
  if (!FileExists(path)) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const auto json = nlohmann::json::parse(text, /*cb=*/nullptr,
                                          /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::DataLossError(absl::StrCat(
        path, " is no JSON object: restore it, or choose another --run-dir"));
  }
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) manifest_[key] = value.get<std::string>();
  }
  return absl::OkStatus();
}

absl::Status RunFolder::WriteManifest() const {
  return WriteFileAtomic(path_ + kManifestName,
                         nlohmann::json(manifest_).dump(2) + "\n");
}

absl::Status RunFolder::Pin(const std::string& key, const std::string& value,
                            const std::string& what) {
  const auto [it, is_new] = manifest_.emplace(key, value);
  if (is_new) return WriteManifest();
  if (it->second == value) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path_, ": ", what, " is not what the run began with (", key,
                   " in manifest.json is ", it->second, ", now ", value,
                   "): ", kOtherFolder));
}

absl::StatusOr<RunConfig> ReadRunConfig(const std::string& run_dir) {
  if (!IsRunFolder(run_dir)) {
    return LacksFile(run_dir,
                     absl::StrCat(run_dir,
                                  " is not a run folder (no config.textproto "
                                  "in it): give the folder that `r1 train "
                                  "--run-dir` wrote"));
  }
  return LoadConfig(run_dir + kConfigName, {});
}

bool IsRunFolder(const std::string& path) {
  return FileExists(path + kConfigName);
}

bool IsWholeRun(const std::string& path) {
  return FileExists(path + kSummaryName);
}

}  // namespace r1

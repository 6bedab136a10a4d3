#include "pipeline/run_folder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "google/protobuf/util/message_differencer.h"
#include "kernels/ops.h"
#include "learner/checkpoint_store.h"
#include "nlohmann/json.hpp"
#include "pipeline/build_id.h"
#include "pipeline/model_path.h"
#include "pipeline/run_reader.h"
#include "proto/config.h"

namespace r1 {
namespace {

constexpr char kConfigName[] = "/config.textproto";
constexpr char kManifestName[] = "/manifest.json";
constexpr char kLockName[] = "/lock";
constexpr char kSummaryName[] = "/summary.json";

// Keys of manifest.json that this file reads, too.
constexpr char kBuildKey[] = "build_id";
constexpr char kSimdKey[] = "simd_target";
constexpr char kVersionKey[] = "version";
constexpr char kBaseModelKey[] = "base_model_sha256";
constexpr char kHasCheckpointKey[] = "has_checkpoint";
constexpr char kHistoryKey[] = "history";

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

using Fields = std::vector<const google::protobuf::FieldDescriptor*>;

// Facts of a configuration that decide where or how fast a run computes, never
// what.
Fields FreeFields() {
  return {RunConfig::descriptor()->FindFieldByName("threads"),
          RewardSection::descriptor()->FindFieldByName("server"),
          RolloutSection::descriptor()->FindFieldByName("max_batch"),
          RolloutSection::descriptor()->FindFieldByName("lease_seconds")};
}

// What differs apart from `ignored`, as "rl.steps: 100 -> 50" each.
std::vector<std::string> Differences(const RunConfig& recorded,
                                     const RunConfig& config,
                                     const Fields& ignored) {
  google::protobuf::util::MessageDifferencer differ;
  for (const auto* field : ignored) differ.IgnoreField(field);
  std::string report;
  differ.ReportDifferencesToString(&report);
  std::vector<std::string> lines;
  if (differ.Compare(recorded, config)) return lines;
  for (absl::string_view line : absl::StrSplit(report, '\n')) {
    if (line.empty() || absl::StartsWith(line, "ignored: ")) continue;
    absl::ConsumePrefix(&line, "modified: ");
    lines.emplace_back(line);
  }
  return lines;
}

// With a constant schedule the first N steps are the same, however many follow.
bool MayGrow(const RunConfig& recorded, const RunConfig& config) {
  return config.rl().steps() > recorded.rl().steps() &&
         recorded.rl().schedule() == CONSTANT;
}

// What of `config` a run that was begun with `recorded` cannot take over.
std::vector<std::string> FixedDifferences(const RunConfig& recorded,
                                          const RunConfig& config) {
  Fields adjustable = FreeFields();
  adjustable.push_back(RunConfig::descriptor()->FindFieldByName("eval"));
  adjustable.push_back(RunConfig::descriptor()->FindFieldByName("checkpoint"));
  if (MayGrow(recorded, config)) {
    adjustable.push_back(RlSection::descriptor()->FindFieldByName("steps"));
  }
  return Differences(recorded, config, adjustable);
}

// Why rl.steps, if it differs, cannot be taken over.
std::string StepsHint(const RunConfig& recorded, const RunConfig& config) {
  if (config.rl().steps() == recorded.rl().steps()) return "";
  if (config.rl().steps() < recorded.rl().steps()) {
    return "; rl.steps may grow, not shrink";
  }
  if (recorded.rl().schedule() == CONSTANT) return "";
  return "; rl.steps may grow only with rl.schedule: CONSTANT, as other "
         "schedules give every step another learning rate then";
}

}  // namespace

absl::StatusOr<RunFolder> RunFolder::Open(const std::string& path,
                                          const RunConfig& config,
                                          bool accept_build) {
  R1_RETURN_IF_ERROR(CheckIsRunOrEmpty(path));
  R1_RETURN_IF_ERROR(MakeDirectories(path));
  R1_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock,
                      FileLock::Acquire(path + kLockName));
  RunFolder folder(path, std::move(lock));
  R1_RETURN_IF_ERROR(folder.ReadManifest());
  R1_ASSIGN_OR_RETURN(const bool has_begun, folder.HasBegun());
  if (has_begun) {
    R1_RETURN_IF_ERROR(folder.GoOn(config, accept_build));
  } else {
    R1_RETURN_IF_ERROR(folder.StartAnew(config));
  }
  return folder;
}

std::string RunFolder::summary_path() const { return path_ + kSummaryName; }

absl::StatusOr<bool> RunFolder::HasBegun() const {
  if (manifest_.count(kBaseModelKey) > 0 || FileExists(summary_path())) {
    return true;
  }
  R1_ASSIGN_OR_RETURN(const bool has_checkpoint, HasCheckpoint());
  if (has_checkpoint || !FileExists(database_path())) return has_checkpoint;
  return HasRecords(database_path());
}

absl::StatusOr<bool> RunFolder::HasCheckpoint() const {
  for (const char* stage : {"rl", "sft", "pretrain"}) {
    const CheckpointStore store(StageCheckpoints(path_, stage), /*keep=*/1);
    R1_ASSIGN_OR_RETURN(const std::vector<int64_t> steps, store.Steps());
    if (!steps.empty()) return true;
  }
  return false;
}

absl::Status RunFolder::StartAnew(const RunConfig& config) {
  manifest_.clear();
  history_.clear();
  R1_RETURN_IF_ERROR(
      WriteFileAtomic(path_ + kConfigName, ConfigToText(config)));
  R1_RETURN_IF_ERROR(PinProgram());
  return Pin("seed", absl::StrCat(config.seed()), "the seed");
}

absl::Status RunFolder::GoOn(const RunConfig& config, bool accept_build) {
  R1_ASSIGN_OR_RETURN(is_finished_, IsFinishedRun(path_, config));
  if (is_finished_) return TellWhatComesTooLate(config);
  if (manifest_.empty()) {
    return absl::DataLossError(
        absl::StrCat(path_, kManifestName, " is missing: restore it, or start ",
                     "anew in another folder with --run-dir"));
  }
  // The build first: another build may not even know the old configuration.
  R1_RETURN_IF_ERROR(CheckProgram(accept_build));
  R1_ASSIGN_OR_RETURN(const RunConfig recorded, ReadRunConfig(path_));
  if (const auto fixed = FixedDifferences(recorded, config); !fixed.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " was begun with another configuration (",
                     absl::StrJoin(fixed, "; "), StepsHint(recorded, config),
                     "): ", kOtherFolder));
  }
  R1_RETURN_IF_ERROR(CheckCheckpoints());
  return AdoptChanges(recorded, config);
}

absl::Status RunFolder::TellWhatComesTooLate(const RunConfig& config) const {
  R1_ASSIGN_OR_RETURN(const RunConfig recorded, ReadRunConfig(path_));
  for (const auto& change : Differences(recorded, config, FreeFields())) {
    LogWarning(absl::StrCat(change, ": no longer, as ", path_,
                            " is finished; `r1 eval` measures it anew"));
  }
  return absl::OkStatus();
}

absl::Status RunFolder::CheckProgram(bool accept_build) {
  R1_ASSIGN_OR_RETURN(const std::string build_id, BuildId());
  R1_RETURN_IF_ERROR(CheckPinned(kSimdKey, CpuTargetName(),
                                 "the CPU's instruction set", kOtherFolder));
  const std::pair<const char*, std::string> program[] = {
      {kBuildKey, build_id}, {kVersionKey, ProgramVersion()}};
  for (const auto& [key, value] : program) {
    const std::string& recorded = manifest_[key];
    if (recorded == value) continue;
    if (!accept_build) {
      return CheckPinned(
          key, value, "the program's build",
          absl::StrCat("--accept-build goes on with this one, whose results "
                       "may differ, and records it; or ",
                       kOtherFolder));
    }
    changes_.push_back(absl::StrCat(key, ": ", recorded, " -> ", value));
    manifest_[key] = value;
  }
  return absl::OkStatus();
}

absl::Status RunFolder::CheckCheckpoints() const {
  R1_ASSIGN_OR_RETURN(const bool has_checkpoint, HasCheckpoint());
  if (has_checkpoint || manifest_.count(kHasCheckpointKey) == 0) {
    return absl::OkStatus();  // killed before the first one: from the start
  }
  return absl::FailedPreconditionError(absl::StrCat(
      checkpoints_path(), " holds no checkpoint any more, but the run has ",
      "saved some: move them back to go on, or start anew in another folder ",
      "with --run-dir"));
}

// The summary goes first: while it is there, the run is whole.
absl::Status RunFolder::AdoptChanges(const RunConfig& recorded,
                                     const RunConfig& config) {
  const std::vector<std::string> adjusted =
      Differences(recorded, config, FreeFields());
  changes_.insert(changes_.end(), adjusted.begin(), adjusted.end());
  R1_ASSIGN_OR_RETURN(const bool has_checkpoint, HasCheckpoint());
  if (has_checkpoint) manifest_[kHasCheckpointKey] = "yes";
  const std::string now =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone());
  for (const std::string& change : changes_) {
    history_.push_back(absl::StrCat(now, " ", change));
  }
  R1_RETURN_IF_ERROR(RemoveAll(summary_path()));
  R1_RETURN_IF_ERROR(WriteManifest());
  if (adjusted.empty()) return absl::OkStatus();
  return WriteFileAtomic(path_ + kConfigName, ConfigToText(config));
}

absl::Status RunFolder::NoteCheckpoint() {
  return Pin(kHasCheckpointKey, "yes", "that it has checkpoints");
}

absl::Status RunFolder::PinProgram() {
  R1_ASSIGN_OR_RETURN(const std::string build_id, BuildId());
  R1_RETURN_IF_ERROR(Pin(kBuildKey, build_id, "the program's build"));
  R1_RETURN_IF_ERROR(Pin(kSimdKey, CpuTargetName(), "the instruction set"));
  return Pin(kVersionKey, ProgramVersion(), "the program's version");
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
    if (key != kHistoryKey || !value.is_array()) continue;
    for (const auto& line : value) {
      if (line.is_string()) history_.push_back(line.get<std::string>());
    }
  }
  return absl::OkStatus();
}

absl::Status RunFolder::WriteManifest() const {
  nlohmann::json json(manifest_);
  if (!history_.empty()) json[kHistoryKey] = history_;
  return WriteFileAtomic(path_ + kManifestName, json.dump(2) + "\n");
}

absl::Status RunFolder::Pin(const std::string& key, const std::string& value,
                            const std::string& what) {
  const bool is_new = manifest_.emplace(key, value).second;
  if (is_new) return WriteManifest();
  return CheckPinned(key, value, what, kOtherFolder);
}

absl::Status RunFolder::CheckPinned(const std::string& key,
                                    const std::string& value,
                                    absl::string_view what,
                                    absl::string_view remedy) const {
  const auto it = manifest_.find(key);
  const std::string recorded =
      it == manifest_.end() ? std::string("missing") : it->second;
  if (recorded == value) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path_, ": ", what, " is not what the run began with (", key,
      " in manifest.json is ", recorded, ", now ", value, "): ", remedy));
}

absl::StatusOr<bool> IsFinishedRun(const std::string& run_dir,
                                   const RunConfig& config) {
  if (!IsWholeRun(run_dir)) return false;
  const absl::StatusOr<RunConfig> recorded = ReadRunConfig(run_dir);
  // Whatever is wrong with it, Open says so.
  if (!recorded.ok()) return false;
  return !MayGrow(*recorded, config) &&
         FixedDifferences(*recorded, config).empty();
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

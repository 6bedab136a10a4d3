#include "pipeline/folder/run_folder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "google/protobuf/util/message_differencer.h"
#include "kernels/devices.h"
#include "kernels/ops.h"
#include "learner/checkpoint_store.h"
#include "nlohmann/json.hpp"
#include "pipeline/folder/model_path.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/process/build_id.h"
#include "pipeline/store/run_reader.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

constexpr char kConfigName[] = "/config.textproto";
constexpr char kManifestName[] = "/manifest.json";
constexpr char kLockName[] = "/lock";
constexpr char kSummaryName[] = "/summary.json";

// Keys of manifest.json that this file reads, too.
constexpr char kBuildKey[] = "build_id";
constexpr char kDeviceKey[] = "device";
constexpr char kVersionKey[] = "version";
constexpr char kSeedKey[] = "seed";
constexpr char kHistoryKey[] = "history";
// Stages to be computed anew of which run.db may hold rows still.
constexpr char kDroppedKey[] = "dropped";

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

// Facts of a stage that decide where or how fast it computes, never what.
Fields FreeFields(const StageConfig& config) {
  Fields fields = {
      StageConfig::descriptor()->FindFieldByName("threads"),
      StageConfig::descriptor()->FindFieldByName("keep"),
      // The run's, which the manifest pins, and the name.
      StageConfig::descriptor()->FindFieldByName("seed"),
      RewardSection::descriptor()->FindFieldByName("server"),
      RolloutSection::descriptor()->FindFieldByName("max_batch"),
      RolloutSection::descriptor()->FindFieldByName("lease_seconds"),
      // Which of a kind: the manifest pins the kind.
      StageConfig::descriptor()->FindFieldByName("device")};
  if (!config.has_device()) {
    fields.push_back(
        RlSection::descriptor()->FindFieldByName("microbatch_tokens"));
  }
  return fields;
}

// What differs apart from `ignored`, as "rl.steps: 100 -> 50" each.
std::vector<std::string> Differences(const StageConfig& recorded,
                                     const StageConfig& config,
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
bool MayGrow(const StageConfig& recorded, const StageConfig& config) {
  return config.rl().steps() > recorded.rl().steps() &&
         recorded.rl().schedule() == CONSTANT;
}

// What of `config` a stage that was begun with `recorded` cannot take over.
std::vector<std::string> FixedDifferences(const StageConfig& recorded,
                                          const StageConfig& config) {
  Fields ignored = {StageConfig::descriptor()->FindFieldByName("seed")};
  if (MayGrow(recorded, config)) {
    ignored.push_back(RlSection::descriptor()->FindFieldByName("steps"));
  }
  return Differences(EssenceOf(recorded), EssenceOf(config), ignored);
}

// Why another number of steps, if it differs, cannot be taken over.
std::string StepsHint(const StageConfig& recorded, const StageConfig& config) {
  const SupervisedSection& before = recorded.supervised();
  const SupervisedSection& now = config.supervised();
  if (before.steps() != now.steps() || before.epochs() != now.epochs() ||
      recorded.reward_model().steps() != config.reward_model().steps()) {
    return "; its learning rate is a cosine over all its steps, so with more "
           "or fewer every step would have another one";
  }
  if (config.rl().steps() == recorded.rl().steps()) return "";
  if (config.rl().steps() < recorded.rl().steps()) {
    return "; rl.steps may grow, not shrink";
  }
  if (recorded.rl().schedule() == CONSTANT) return "";
  return "; rl.steps may grow only with rl.schedule: CONSTANT, as other "
         "schedules give every step another learning rate then";
}

// The stages that need one of `first`, directly or not, and `first` itself.
std::set<std::string> WithDependants(const std::vector<StageConfig>& stages,
                                     std::set<std::string> first) {
  for (const StageConfig& stage : stages) {  // after those it needs
    for (const std::string& input : StageInputs(stage)) {
      if (first.count(input) > 0) first.insert(stage.name());
    }
  }
  return first;
}

std::string DependantsHint(const std::vector<StageConfig>& stages,
                           const std::string& name) {
  std::set<std::string> later = WithDependants(stages, {name});
  later.erase(name);
  std::vector<std::string> begun(later.begin(), later.end());
  if (begun.empty()) return "";
  return absl::StrCat(", and with it ", absl::StrJoin(begun, ", "),
                      ", which depend on it");
}

absl::StatusOr<std::set<std::string>> StagesToRedo(
    const std::vector<StageConfig>& stages,
    const std::vector<std::string>& redo) {
  std::set<std::string> names, asked(redo.begin(), redo.end());
  for (const StageConfig& stage : stages) names.insert(stage.name());
  for (const std::string& name : asked) {
    if (names.count(name) > 0) continue;
    return absl::NotFoundError(
        absl::StrCat("--redo ", name, ": there is no such stage: expected ",
                     absl::StrJoin(names, ", ")));
  }
  return WithDependants(stages, std::move(asked));
}

// Errors: FailedPrecondition if a stage that has begun, and is not redone,
// would change.
absl::Status CheckStagesStay(const std::string& path,
                             const std::vector<StageConfig>& stages,
                             const std::set<std::string>& redone) {
  std::vector<std::string> changed, differences;
  std::string hint;
  for (const StageConfig& stage : stages) {
    if (redone.count(stage.name()) > 0) continue;
    if (!HasStageBegun(path, stage.name())) continue;
    R1_ASSIGN_OR_RETURN(const StageConfig recorded,
                        ReadStageConfig(path, stage.name()));
    const auto fixed = FixedDifferences(recorded, stage);
    if (fixed.empty()) continue;
    changed.push_back(stage.name());
    differences.push_back(
        absl::StrCat(stage.name(), ": ", absl::StrJoin(fixed, "; ")));
    if (hint.empty()) hint = StepsHint(recorded, stage);
  }
  if (!changed.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " was begun with another configuration (",
        absl::StrJoin(differences, ". "), hint, "): --redo ", changed.front(),
        " computes it anew", DependantsHint(stages, changed.front()), "; or ",
        kOtherFolder));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RunFolder> RunFolder::Open(
    const std::string& path, const Recipe& recipe, bool accept_build,
    const std::vector<std::string>& redo) {
  R1_ASSIGN_OR_RETURN(const std::set<std::string> redone,
                      StagesToRedo(ResolveStages(recipe), redo));
  R1_RETURN_IF_ERROR(CheckIsRunOrEmpty(path));
  R1_RETURN_IF_ERROR(MakeDirectories(path));
  R1_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock,
                      FileLock::Acquire(path + kLockName));
  RunFolder folder(path, std::move(lock));
  R1_RETURN_IF_ERROR(folder.ReadManifest());
  R1_ASSIGN_OR_RETURN(const bool has_begun, folder.HasBegun());
  if (has_begun) {
    R1_RETURN_IF_ERROR(folder.GoOn(recipe, accept_build, redone));
  } else {
    R1_RETURN_IF_ERROR(folder.StartAnew(recipe));
  }
  return folder;
}

std::string RunFolder::summary_path() const { return path_ + kSummaryName; }

absl::StatusOr<bool> RunFolder::HasBegun() const {
  if (FileExists(summary_path())) return true;
  const std::string stages = path_ + "/stages";
  if (FileExists(stages)) {
    R1_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                        ListDirectory(stages));
    for (const std::string& name : names) {
      if (HasStageBegun(path_, name)) return true;
    }
  }
  if (!FileExists(database_path())) return false;
  return HasRecords(database_path());
}

absl::Status RunFolder::StartAnew(const Recipe& recipe) {
  manifest_.clear();
  history_.clear();
  // Folders of stages that recorded nothing.
  R1_RETURN_IF_ERROR(RemoveAll(path_ + "/stages"));
  R1_RETURN_IF_ERROR(
      WriteFileAtomic(path_ + kConfigName, ConfigToText(recipe)));
  R1_RETURN_IF_ERROR(PinProgram(recipe));
  return Pin(kSeedKey, absl::StrCat(recipe.seed()), "the seed");
}

absl::Status RunFolder::Check(const std::string& path, const Recipe& recipe,
                              bool accept_build,
                              const std::vector<std::string>& redo) {
  R1_ASSIGN_OR_RETURN(std::set<std::string> redone,
                      StagesToRedo(ResolveStages(recipe), redo));
  R1_RETURN_IF_ERROR(CheckIsRunOrEmpty(path));
  RunFolder folder(path, /*lock=*/nullptr);
  R1_RETURN_IF_ERROR(folder.ReadManifest());
  R1_ASSIGN_OR_RETURN(const bool has_begun, folder.HasBegun());
  R1_ASSIGN_OR_RETURN(const bool is_finished, IsFinishedRun(path, recipe));
  if (!has_begun || (is_finished && redo.empty())) return absl::OkStatus();
  return folder.CheckGoesOn(recipe, accept_build, &redone);
}

absl::Status RunFolder::CheckGoesOn(const Recipe& recipe, bool accept_build,
                                    std::set<std::string>* redone) {
  if (manifest_.empty()) {
    return absl::DataLossError(
        absl::StrCat(path_, kManifestName, " is missing: restore it, or start ",
                     "anew in another folder with --run-dir"));
  }
  // The build first: another build may not even know the old recipe.
  R1_RETURN_IF_ERROR(CheckProgram(recipe, accept_build));
  R1_RETURN_IF_ERROR(CheckPinned(kSeedKey, absl::StrCat(recipe.seed()),
                                 "the configuration's seed", kOtherFolder));
  // A kill may have left half of a stage that was to be computed anew.
  for (absl::string_view name :
       absl::StrSplit(manifest_[kDroppedKey], ' ', absl::SkipEmpty())) {
    redone->emplace(name);
  }
  const std::vector<StageConfig> stages = ResolveStages(recipe);
  R1_RETURN_IF_ERROR(CheckStagesStay(path_, stages, *redone));
  return CheckCheckpoints(stages, *redone);
}

absl::Status RunFolder::GoOn(const Recipe& recipe, bool accept_build,
                             std::set<std::string> redone) {
  const std::vector<StageConfig> stages = ResolveStages(recipe);
  if (redone.empty()) {
    R1_ASSIGN_OR_RETURN(is_finished_, IsFinishedRun(path_, recipe));
    if (is_finished_) return TellWhatComesTooLate(stages);
  }
  R1_RETURN_IF_ERROR(CheckGoesOn(recipe, accept_build, &redone));
  // The summary goes first: while it is there, the run is whole.
  R1_RETURN_IF_ERROR(RemoveAll(summary_path()));
  R1_RETURN_IF_ERROR(DropStages(redone));
  return AdoptChanges(recipe, stages);
}

// A kill in between leaves the names in the manifest, and the next start does
// the rest.
absl::Status RunFolder::DropStages(const std::set<std::string>& redone) {
  const std::string pending = manifest_[kDroppedKey];
  for (const std::string& name : redone) {
    const bool is_pending =
        absl::c_linear_search(absl::StrSplit(pending, ' '), name);
    if (!is_pending && !HasStageBegun(path_, name)) continue;
    dropped_.push_back(name);
    // Of a pending one the change may not be recorded yet: said twice at worst.
    changes_.push_back(absl::StrCat(name, ": computed anew"));
  }
  manifest_[kDroppedKey] = absl::StrJoin(dropped_, " ");
  if (dropped_.empty()) manifest_.erase(kDroppedKey);
  R1_RETURN_IF_ERROR(WriteManifest());
  for (const std::string& name : dropped_) {
    R1_RETURN_IF_ERROR(RemoveAll(StagePath(path_, name)));
  }
  return absl::OkStatus();
}

absl::Status RunFolder::TellWhatComesTooLate(
    const std::vector<StageConfig>& stages) const {
  for (const StageConfig& stage : stages) {
    R1_ASSIGN_OR_RETURN(const StageConfig recorded,
                        ReadStageConfig(path_, stage.name()));
    for (const auto& change : Differences(recorded, stage, FreeFields(stage))) {
      LogWarning(absl::StrCat(stage.name(), ".", change, ": no longer, as ",
                              path_,
                              " is finished; `r1 eval` measures it anew"));
    }
  }
  return absl::OkStatus();
}

absl::Status RunFolder::CheckProgram(const Recipe& recipe, bool accept_build) {
  R1_ASSIGN_OR_RETURN(const std::string build_id, BuildId());
  R1_ASSIGN_OR_RETURN(Device* const device, FindDevice(recipe.device()));
  R1_RETURN_IF_ERROR(
      CheckPinned(kDeviceKey, device->identity(), "the device", kOtherFolder));
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

absl::Status RunFolder::CheckCheckpoints(
    const std::vector<StageConfig>& stages,
    const std::set<std::string>& redone) const {
  for (const StageConfig& stage : stages) {
    const std::string& name = stage.name();
    if (redone.count(name) > 0 || !HasLostCheckpoints(path_, name)) continue;
    // A finished stage needs none unless it goes on.
    const auto recorded = ReadStageConfig(path_, name);
    if (IsFinishedStage(path_, name) && recorded.ok() &&
        !MayGrow(*recorded, stage)) {
      continue;
    }
    return absl::FailedPreconditionError(absl::StrCat(
        StageCheckpoints(path_, name), " holds no checkpoint any more, but ",
        "the stage ", name, " has saved some: move them back to go on, or ",
        "start anew in another folder with --run-dir"));
  }
  return absl::OkStatus();
}

absl::Status RunFolder::AdoptChanges(const Recipe& recipe,
                                     const std::vector<StageConfig>& stages) {
  for (const StageConfig& stage : stages) {
    if (!HasStageBegun(path_, stage.name())) continue;
    R1_ASSIGN_OR_RETURN(const StageConfig recorded,
                        ReadStageConfig(path_, stage.name()));
    for (const auto& change : Differences(recorded, stage, FreeFields(stage))) {
      changes_.push_back(absl::StrCat(stage.name(), ".", change));
    }
    // First, so that nothing takes the larger number of steps for done.
    if (MayGrow(recorded, stage)) {
      R1_RETURN_IF_ERROR(ReopenStage(path_, stage.name()));
    }
    R1_RETURN_IF_ERROR(WriteStageConfig(path_, stage));
  }
  const std::string now =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone());
  for (const std::string& change : changes_) {
    history_.push_back(absl::StrCat(now, " ", change));
  }
  R1_RETURN_IF_ERROR(WriteManifest());
  return WriteFileAtomic(path_ + kConfigName, ConfigToText(recipe));
}

absl::Status RunFolder::NoteDropped() {
  return manifest_.erase(kDroppedKey) > 0 ? WriteManifest() : absl::OkStatus();
}

absl::Status RunFolder::PinProgram(const Recipe& recipe) {
  R1_ASSIGN_OR_RETURN(const std::string build_id, BuildId());
  R1_RETURN_IF_ERROR(Pin(kBuildKey, build_id, "the program's build"));
  R1_ASSIGN_OR_RETURN(Device* const device, FindDevice(recipe.device()));
  R1_RETURN_IF_ERROR(Pin(kDeviceKey, device->identity(), "the device"));
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
                                   const Recipe& recipe) {
  if (!IsWholeRun(run_dir)) return false;
  const auto begun = ReadRecipe(run_dir);
  if (!begun.ok() || begun->seed() != recipe.seed()) return false;
  for (const StageConfig& stage : ResolveStages(recipe)) {
    if (!IsFinishedStage(run_dir, stage.name())) return false;
    const auto recorded = ReadStageConfig(run_dir, stage.name());
    // Whatever is wrong with it, Open says so.
    if (!recorded.ok()) return false;
    if (MayGrow(*recorded, stage) ||
        !FixedDifferences(*recorded, stage).empty())
      return false;
  }
  return true;
}

absl::StatusOr<std::vector<std::string>> ChangesOfStage(
    const std::string& run_dir, const StageConfig& stage) {
  R1_ASSIGN_OR_RETURN(const StageConfig recorded,
                      ReadStageConfig(run_dir, stage.name()));
  return FixedDifferences(recorded, stage);
}

absl::StatusOr<Recipe> ReadRecipe(const std::string& run_dir) {
  if (!IsRunFolder(run_dir)) {
    return LacksFile(run_dir,
                     absl::StrCat(run_dir,
                                  " is not a run folder (no config.textproto "
                                  "in it): give the folder that `r1 train "
                                  "--run-dir` wrote"));
  }
  return LoadRecipe(run_dir + kConfigName, {});
}

absl::StatusOr<std::string> RecordedBuild(const std::string& run_dir) {
  R1_ASSIGN_OR_RETURN(const std::string text,
                      ReadFile(run_dir + kManifestName));
  const auto json = nlohmann::json::parse(text, /*cb=*/nullptr,
                                          /*allow_exceptions=*/false);
  if (json.is_object() && json.contains(kBuildKey) &&
      json[kBuildKey].is_string()) {
    return json[kBuildKey].get<std::string>();
  }
  return absl::DataLossError(absl::StrCat(run_dir, kManifestName, " names no ",
                                          kBuildKey, ": restore it"));
}

bool IsRunFolder(const std::string& path) {
  return FileExists(path + kConfigName);
}

bool IsWholeRun(const std::string& path) {
  return FileExists(path + kSummaryName);
}

}  // namespace r1

#include "pipeline/folder/stage_folder.h"

#include <google/protobuf/text_format.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "learner/checkpoint_store.h"
#include "nlohmann/json.hpp"
#include "proto/recipe.h"

namespace r1 {
namespace {

constexpr char kStageConfigName[] = "/stage.textproto";
constexpr char kFactsName[] = "/stage.json";
constexpr char kStageKey[] = "key";
constexpr char kHasCheckpointKey[] = "has_checkpoint";

absl::StatusOr<std::map<std::string, std::string>> ReadFacts(
    const std::string& path) {
  std::map<std::string, std::string> facts;
  if (!FileExists(path)) return facts;
  R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const auto json = nlohmann::json::parse(text, /*cb=*/nullptr,
                                          /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::DataLossError(absl::StrCat(
        path, " is no JSON object: restore it, or choose another --run-dir"));
  }
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) facts[key] = value.get<std::string>();
  }
  return facts;
}

std::string FileKey(const std::string& file) {
  return absl::StrCat("file ", file);
}

std::string StageKey(const std::string& stage) {
  return absl::StrCat("stage ", stage);
}

std::vector<std::string> FilesOf(const StageConfig& stage) {
  std::vector<std::string> files(stage.supervised().data().begin(),
                                 stage.supervised().data().end());
  for (const std::string& file : stage.reward_model().data()) {
    files.push_back(file);
  }
  if (!DrawsSamples(stage)) return files;
  for (const TaskSection& task : stage.task()) {
    if (!task.file().empty()) files.push_back(task.file());
  }
  return files;
}

absl::Status ChangedError(const std::string& path, const StageConfig& stage,
                          absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(
      path, ": ", what, " since the stage ", stage.name(),
      " was computed: --redo ", stage.name(),
      " computes it and all after it anew, or restore what was there"));
}

}  // namespace

std::string StagePath(const std::string& run_dir, const std::string& stage) {
  return absl::StrCat(run_dir, "/stages/", stage);
}

std::string StageData(const std::string& run_dir, const std::string& stage) {
  return absl::StrCat(StagePath(run_dir, stage), "/data.jsonl");
}

std::string StageCheckpoints(const std::string& run_dir,
                             const std::string& stage) {
  return absl::StrCat(StagePath(run_dir, stage), "/checkpoints");
}

StageConfig EssenceOf(const StageConfig& config) {
  StageConfig essence = config;
  essence.clear_threads();
  essence.clear_keep();
  essence.clear_device();  // the manifest pins what it is
  if (config.has_rl() && !config.has_device()) {
    essence.mutable_rl()->clear_microbatch_tokens();
  }
  if (!config.has_compare()) essence.clear_eval();
  essence.clear_checkpoint();
  if (config.from() != kFromModel || config.has_compare()) {
    essence.clear_model();
  }
  if (config.has_compare()) {
    essence.mutable_eval()->clear_every();
    essence.clear_share();
  }
  if (DrawsSamples(config)) {
    essence.mutable_reward()->clear_server();
    essence.mutable_rollout()->clear_max_batch();
    essence.mutable_rollout()->clear_lease_seconds();
    return essence;
  }
  essence.clear_rollout();
  essence.clear_reward();
  essence.clear_model_rule();
  essence.clear_tasks_bring_rules();
  essence.clear_share();
  const bool reads_first_task =
      config.has_supervised() && config.supervised().corpus() == TASK_CORPUS;
  if (reads_first_task && config.task_size() > 1) {
    essence.mutable_task()->DeleteSubrange(1, config.task_size() - 1);
  }
  for (TaskSection& task : *essence.mutable_task()) {
    task.clear_file();
    task.clear_split_field();
    task.clear_rule();
  }
  return essence;
}

absl::Status WriteStageConfig(const std::string& run_dir,
                              const StageConfig& config) {
  return WriteFileAtomic(StagePath(run_dir, config.name()) + kStageConfigName,
                         ConfigToText(config));
}

absl::StatusOr<StageFolder> StageFolder::Open(const std::string& run_dir,
                                              const StageConfig& config) {
  StageFolder folder(StagePath(run_dir, config.name()), config);
  R1_RETURN_IF_ERROR(MakeDirectories(folder.path_));
  R1_ASSIGN_OR_RETURN(folder.facts_, ReadFacts(folder.path_ + kFactsName));
  folder.facts_.erase(kStageKey);
  R1_RETURN_IF_ERROR(WriteStageConfig(run_dir, config));
  return folder;
}

std::string StageFolder::Key() const {
  std::string text = ConfigToText(EssenceOf(config_));
  for (const auto& [name, value] : facts_) {
    if (name == kOutputSha256 || name == kHasCheckpointKey) continue;
    absl::StrAppend(&text, name, " ", value, "\n");
  }
  return Sha256Hex(text);
}

absl::Status StageFolder::Write() const {
  nlohmann::json json(facts_);
  json[kStageKey] = Key();
  return WriteFileAtomic(path_ + kFactsName, json.dump(2) + "\n");
}

absl::Status StageFolder::Pin(const std::string& key, const std::string& value,
                              const std::string& what) {
  const auto [it, is_new] = facts_.emplace(key, value);
  if (is_new) return Write();
  if (it->second == value) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path_, ": ", what, " is not what the stage began with (", key,
      " in stage.json is ", it->second, ", now ", value, "): --redo ",
      config_.name(),
      " computes the stage and all after it anew; or start in a new folder "
      "with --run-dir"));
}

std::string StageFolder::Fact(const std::string& key) const {
  const auto it = facts_.find(key);
  return it == facts_.end() ? "" : it->second;
}

absl::Status StageFolder::Finish(const std::string& output_sha256) {
  facts_[kOutputSha256] = output_sha256;
  return Write();
}

absl::Status StageFolder::PinInputs(const std::string& run_dir) {
  for (const std::string& input : StageInputs(config_)) {
    R1_ASSIGN_OR_RETURN(auto facts,
                        ReadFacts(StagePath(run_dir, input) + kFactsName));
    R1_RETURN_IF_ERROR(Pin(StageKey(input), facts[kOutputSha256],
                           absl::StrCat("what ", input, " has made")));
  }
  for (const std::string& file : FilesOf(config_)) {
    R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
    R1_RETURN_IF_ERROR(Pin(FileKey(file), Sha256Hex(text), file));
  }
  return absl::OkStatus();
}

absl::Status StageFolder::NoteCheckpoint() {
  return Pin(kHasCheckpointKey, "yes", "that it has checkpoints");
}

absl::Status CheckInputsStay(const std::string& run_dir,
                             const StageConfig& stage) {
  const std::string path = StagePath(run_dir, stage.name());
  R1_ASSIGN_OR_RETURN(auto facts, ReadFacts(path + kFactsName));
  for (const std::string& input : StageInputs(stage)) {
    R1_ASSIGN_OR_RETURN(auto made,
                        ReadFacts(StagePath(run_dir, input) + kFactsName));
    if (made[kOutputSha256] == facts[StageKey(input)]) continue;
    return ChangedError(path, stage,
                        absl::StrCat("what ", input, " made has changed"));
  }
  for (const std::string& file : FilesOf(stage)) {
    const absl::StatusOr<std::string> text = ReadFile(file);
    if (!text.ok() || Sha256Hex(*text) == facts[FileKey(file)]) continue;
    return ChangedError(path, stage, absl::StrCat(file, " has changed"));
  }
  return absl::OkStatus();
}

bool HasLostCheckpoints(const std::string& run_dir, const std::string& stage) {
  const auto facts = ReadFacts(StagePath(run_dir, stage) + kFactsName);
  if (!facts.ok() || facts->count(kHasCheckpointKey) == 0) return false;
  const auto steps =
      CheckpointStore(StageCheckpoints(run_dir, stage), /*keep=*/1).Steps();
  return steps.ok() && steps->empty();
}

bool IsFinishedStage(const std::string& run_dir, const std::string& stage) {
  const auto facts = ReadFacts(StagePath(run_dir, stage) + kFactsName);
  return facts.ok() && facts->count(kOutputSha256) > 0;
}

bool HasStageBegun(const std::string& run_dir, const std::string& stage) {
  const std::string path = StagePath(run_dir, stage);
  return FileExists(path + kFactsName) || FileExists(path + "/checkpoints");
}

absl::StatusOr<std::map<std::string, std::string>> ReadStageFacts(
    const std::string& run_dir, const std::string& stage) {
  return ReadFacts(StagePath(run_dir, stage) + kFactsName);
}

absl::Status ReopenStage(const std::string& run_dir, const std::string& stage) {
  const std::string path = StagePath(run_dir, stage) + kFactsName;
  R1_ASSIGN_OR_RETURN(auto facts, ReadFacts(path));
  if (facts.erase(kOutputSha256) == 0) return absl::OkStatus();
  return WriteFileAtomic(path, nlohmann::json(facts).dump(2) + "\n");
}

absl::StatusOr<StageConfig> ReadStageConfig(const std::string& run_dir,
                                            const std::string& stage) {
  const std::string path = StagePath(run_dir, stage) + kStageConfigName;
  R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  StageConfig config;
  if (!google::protobuf::TextFormat::ParseFromString(text, &config)) {
    return absl::DataLossError(absl::StrCat(
        path,
        " is no stage that this program wrote: restore it, or choose "
        "another --run-dir"));
  }
  return config;
}

}  // namespace r1

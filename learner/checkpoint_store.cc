#include "learner/checkpoint_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "learner/trainer_files.h"
#include "model/checkpoint.h"
#include "model/lora_files.h"

namespace r1 {
namespace {

constexpr absl::string_view kPrefix = "step-";
constexpr absl::string_view kTemporaryPrefix = "tmp-";
constexpr char kAdapterFolder[] = "/adapter";

// -1 for a name of another form.
int64_t StepOfName(absl::string_view name) {
  int64_t step = -1;
  if (!absl::ConsumePrefix(&name, kPrefix)) return -1;
  if (!absl::SimpleAtoi(name, &step) || step < 0) return -1;
  return absl::StrCat(step) == name ? step : -1;
}

}  // namespace

int64_t StepOfCheckpoint(const std::string& path) {
  absl::string_view name = path;
  while (absl::ConsumeSuffix(&name, "/")) {
  }
  return StepOfName(name.substr(name.rfind('/') + 1));
}

std::string CheckpointStore::PathOf(int64_t step) const {
  return absl::StrCat(folder_, "/", kPrefix, step);
}

absl::StatusOr<std::vector<int64_t>> CheckpointStore::Steps() const {
  std::vector<int64_t> steps;
  if (!FileExists(folder_)) return steps;
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                      ListDirectory(folder_));
  for (const std::string& name : names) {
    if (const int64_t step = StepOfName(name); step >= 0) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

absl::Status CheckpointStore::Save(const TrainingState& state,
                                   const Tokenizer& tokenizer) {
  R1_RETURN_IF_ERROR(MakeDirectories(folder_));
  R1_RETURN_IF_ERROR(RemoveLeftovers());
  const std::string path = PathOf(state.step);
  if (FileExists(path)) {
    if (VerifyCheckpoint(path).ok()) return RemoveOld(state.step);
    R1_RETURN_IF_ERROR(Remove(state.step));
  }
  const std::string temporary =
      absl::StrCat(folder_, "/", kTemporaryPrefix, kPrefix, state.step);
  absl::Status status = Write(temporary, state, tokenizer);
  if (status.ok()) status = PublishDirectory(temporary, path);
  if (!status.ok()) {
    status.Update(RemoveAll(temporary));  // keeps the first error
    return Annotate(status, absl::StrCat("saving ", path));
  }
  return RemoveOld(state.step);
}

absl::Status CheckpointStore::Write(const std::string& temporary,
                                    const TrainingState& state,
                                    const Tokenizer& tokenizer) const {
  R1_RETURN_IF_ERROR(MakeDirectories(temporary));
  R1_RETURN_IF_ERROR(WriteModelFolder(
      temporary, state.config, state.weights->layout(),
      [&](int tensor, int64_t begin, absl::Span<float> out) {
        ReadModel(state, tensor, begin, out);
      },
      tokenizer));
  if (state.lora != nullptr) {
    const std::string adapter = temporary + kAdapterFolder;
    R1_RETURN_IF_ERROR(MakeDirectories(adapter));
    R1_RETURN_IF_ERROR(
        WriteAdapters(adapter, *state.lora, state.params, state.lora_base));
  }
  return WriteTrainerFiles(temporary, state);
}

absl::StatusOr<TrainingState> CheckpointStore::Load(int64_t step,
                                                    bool with_reference,
                                                    Ops* ops) const {
  const std::string path = PathOf(step);
  R1_RETURN_IF_ERROR(VerifyCheckpoint(path));
  R1_ASSIGN_OR_RETURN(TrainingState state, Start(path, ops));
  R1_RETURN_IF_ERROR(ReadTrainerFiles(path, with_reference, &state));
  return state;
}

absl::StatusOr<TrainingState> CheckpointStore::Start(const std::string& path,
                                                     Ops* ops) const {
  const std::string base = lora_.has_value() ? PathOf(0) : path;
  if (base != path) R1_RETURN_IF_ERROR(VerifyCheckpoint(base));
  R1_ASSIGN_OR_RETURN(ModelFolder model, LoadModelFolder(base, head_));
  model.config.weights_dtype = dtype_;
  if (!lora_.has_value()) {
    return StartTraining(model.config, std::move(model.params),
                         /*with_reference=*/false, ops);
  }
  R1_RETURN_IF_ERROR(CheckLora(*lora_, model.config));
  TrainingState state = StartLora(*lora_, /*seed=*/0, /*base=*/"", model.config,
                                  model.params, /*with_reference=*/false, ops);
  R1_ASSIGN_OR_RETURN(
      state.lora_base,
      ReadAdapters(path + kAdapterFolder, *state.lora, &state.params));
  RenewWeights(ops, &state);
  return state;
}

absl::StatusOr<TrainingState> CheckpointStore::LoadNewest(bool with_reference,
                                                          Ops* ops) {
  R1_RETURN_IF_ERROR(RemoveLeftovers());
  R1_ASSIGN_OR_RETURN(const std::vector<int64_t> steps, Steps());
  if (steps.empty()) {
    return absl::NotFoundError(absl::StrCat(folder_, " holds no checkpoint"));
  }
  absl::Status newest_fault;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    absl::StatusOr<TrainingState> state = Load(*step, with_reference, ops);
    if (state.ok() || absl::IsFailedPrecondition(state.status())) return state;
    newest_fault.Update(state.status());
    LogWarning(
        absl::StrCat("checkpoint ", PathOf(*step),
                     " is damaged and not used: ", state.status().message()));
  }
  return absl::DataLossError(absl::StrCat(
      "all ", steps.size(), " checkpoints in ", folder_,
      " are damaged: restore one of them from a copy, or start anew in another "
      "run folder; the newest: ",
      newest_fault.message()));
}

absl::Status CheckpointStore::RemoveLeftovers() const {
  if (!FileExists(folder_)) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                      ListDirectory(folder_));
  for (const std::string& name : names) {
    if (!absl::StartsWith(name, kTemporaryPrefix)) continue;
    R1_RETURN_IF_ERROR(RemoveAll(absl::StrCat(folder_, "/", name)));
  }
  return absl::OkStatus();
}

// Renamed first: a removal cut short must not leave half a checkpoint.
absl::Status CheckpointStore::Remove(int64_t step) const {
  const std::string doomed =
      absl::StrCat(folder_, "/", kTemporaryPrefix, "old-", step);
  R1_RETURN_IF_ERROR(PublishDirectory(PathOf(step), doomed));
  return RemoveAll(doomed);
}

absl::Status CheckpointStore::RemoveOld(int64_t newest) const {
  R1_ASSIGN_OR_RETURN(std::vector<int64_t> steps, Steps());
  // A later step can only be a damaged one that was passed over.
  steps.erase(std::upper_bound(steps.begin(), steps.end(), newest),
              steps.end());
  const int64_t surplus = static_cast<int64_t>(steps.size()) - keep_;
  for (int64_t i = 0; i < surplus; ++i) {
    if (steps[i] != 0) R1_RETURN_IF_ERROR(Remove(steps[i]));
  }
  return absl::OkStatus();
}

}  // namespace r1

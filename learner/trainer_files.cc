#include "learner/trainer_files.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "model/param_files.h"
#include "model/safetensors.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr char kStateFile[] = "trainer/state.json";
constexpr char kOptimizerFile[] = "trainer/optimizer.safetensors";
constexpr char kReferenceFile[] = "trainer/reference.safetensors";
constexpr int kFormatVersion = 1;

std::string Join(const std::string& folder, absl::string_view name) {
  return absl::StrCat(folder, "/", name);
}

absl::StatusOr<std::string> HashFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) return ErrnoStatus("cannot open", path, errno);
  Sha256 hash;
  std::vector<char> chunk(1 << 20);
  size_t n = 0;
  while ((n = std::fread(chunk.data(), 1, chunk.size(), file.get())) > 0) {
    hash.Update(chunk.data(), n);
  }
  if (std::ferror(file.get())) return ErrnoStatus("cannot read", path, errno);
  return hash.FinishHex();
}

// SHA-256 of every file below `path` but state.json, by relative name.
absl::StatusOr<std::map<std::string, std::string>> HashFiles(
    const std::string& path) {
  namespace fs = std::filesystem;
  std::map<std::string, std::string> hashes;
  std::error_code error;
  for (fs::recursive_directory_iterator it(path, error), end;
       !error && it != end; it.increment(error)) {
    if (!it->is_regular_file()) continue;
    const std::string name = it->path().lexically_relative(path).string();
    if (name == kStateFile) continue;
    R1_ASSIGN_OR_RETURN(hashes[name], HashFile(it->path().string()));
  }
  if (error) return ErrnoStatus("cannot list", path, error.value());
  return hashes;
}

// state.json holds {"state": …, "sha256": hash of the state's compact text}.
absl::StatusOr<Json> ReadState(const std::string& path) {
  const std::string file = Join(path, kStateFile);
  R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("state") ||
      !json.contains("sha256") || !json["state"].is_object() ||
      json["sha256"] != Sha256Hex(json["state"].dump())) {
    return absl::DataLossError(
        absl::StrCat(file, " does not match its own SHA-256"));
  }
  // From here on the content is what this program wrote.
  const Json& state = json["state"];
  if (state.value("format", 0) != kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(file, " has format ", state.value("format", 0),
                     ", this program reads ", kFormatVersion));
  }
  return state;
}

// Whether the reference is the W0 of adapters, which is kept anyhow.
bool IsBase(const TrainingState& state) {
  return state.lora != nullptr && state.reference == state.lora->base();
}

absl::Status WriteReference(const std::string& path,
                            const PolicyWeights& reference) {
  std::vector<SafetensorsTensor> tensors;
  const auto read = [&](int index, int64_t begin, absl::Span<float> out) {
    reference.Read(index, begin, out);
  };
  AppendTensors("", reference.layout(), read, &tensors);
  return WriteSafetensors(path, tensors);
}

absl::Status ReadReference(const std::string& path, PolicyWeights* reference) {
  R1_ASSIGN_OR_RETURN(const auto file, SafetensorsFile::Open(path));
  return ReadTensors(*file, path, "", reference->layout(),
                     [&](int index, absl::Span<const float> values) {
                       reference->Write(index, 0, values);
                     });
}

absl::Status WriteMoments(const std::string& path,
                          const OptimizerState& optimizer) {
  std::vector<SafetensorsTensor> tensors;
  const auto read = [](const ParamSet& params) {
    return [&params](int index, int64_t begin, absl::Span<float> out) {
      params.Read(index, begin, out);
    };
  };
  const auto read_m = read(optimizer.m), read_v = read(optimizer.v);
  AppendTensors("m.", optimizer.m.layout(), read_m, &tensors);
  AppendTensors("v.", optimizer.v.layout(), read_v, &tensors);
  return WriteSafetensors(path, tensors);
}

}  // namespace

absl::Status WriteTrainerFiles(const std::string& path,
                               const TrainingState& state) {
  R1_RETURN_IF_ERROR(MakeDirectories(Join(path, "trainer")));
  R1_RETURN_IF_ERROR(WriteMoments(Join(path, kOptimizerFile), state.optimizer));
  if (state.reference != nullptr && !IsBase(state)) {
    R1_RETURN_IF_ERROR(
        WriteReference(Join(path, kReferenceFile), *state.reference));
  }
  Json json;
  json["format"] = kFormatVersion;
  json["step"] = state.step;
  json["version"] = state.version;
  json["next_index"] = state.next_index;
  json["optimizer_step"] = state.optimizer.step;
  json["updates"] = state.optimizer.updates;
  json["skipped_in_a_row"] = state.optimizer.skipped_in_a_row;
  json["has_reference"] = state.reference != nullptr;
  if (IsBase(state)) json["reference_is_base"] = true;
  json["weights_sha256"] = HashModel(state);
  R1_ASSIGN_OR_RETURN(json["files"], HashFiles(path));
  const Json whole = {{"state", json}, {"sha256", Sha256Hex(json.dump())}};
  return WriteFileAtomic(Join(path, kStateFile), whole.dump(2) + "\n");
}

absl::Status VerifyCheckpoint(const std::string& path) {
  R1_ASSIGN_OR_RETURN(const Json state, ReadState(path));
  for (const auto& [name, expected] : state["files"].items()) {
    const std::string file = Join(path, name);
    R1_ASSIGN_OR_RETURN(const std::string found, HashFile(file));
    if (expected != found) {
      return absl::DataLossError(absl::StrCat(file, " has SHA-256 ", found,
                                              ", expected ",
                                              expected.get<std::string>()));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadTrainerFiles(const std::string& path, bool with_reference,
                              TrainingState* state) {
  R1_ASSIGN_OR_RETURN(const Json json, ReadState(path));
  state->step = json["step"];
  state->version = json["version"];
  state->next_index = json["next_index"];
  OptimizerState& optimizer = state->optimizer;
  optimizer.step = json["optimizer_step"];
  optimizer.updates = json["updates"];
  optimizer.skipped_in_a_row = json["skipped_in_a_row"];

  const std::string moments = Join(path, kOptimizerFile);
  R1_ASSIGN_OR_RETURN(const auto file, SafetensorsFile::Open(moments));
  R1_RETURN_IF_ERROR(ReadTensors(*file, moments, "m.", &optimizer.m));
  R1_RETURN_IF_ERROR(ReadTensors(*file, moments, "v.", &optimizer.v));
  if (!with_reference) return absl::OkStatus();

  if (!json["has_reference"].get<bool>()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     " has no reference policy, which rl.kl_coef > 0 "
                     "needs: it was saved by a run with kl_coef = 0"));
  }
  if (json.value("reference_is_base", false)) {
    state->reference = state->lora->base();
    return absl::OkStatus();
  }
  std::shared_ptr<PolicyWeights> weights = state->slots.Next();
  R1_RETURN_IF_ERROR(ReadReference(Join(path, kReferenceFile), weights.get()));
  state->reference = std::move(weights);
  return absl::OkStatus();
}

}  // namespace r1

#include "model/weight_files.h"

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "model/bounded_file.h"
#include "model/strict_json.h"
#include "model/tensor_names.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr char kIndexFile[] = "model.safetensors.index.json";

absl::Status AddFile(const std::string& path, WeightFiles* weights) {
  R1_ASSIGN_OR_RETURN(std::unique_ptr<SafetensorsFile> file,
                      SafetensorsFile::Open(path));
  for (const auto& [name, entry] : file->entries()) {
    const TensorSource source = {file.get(), &entry};
    if (weights->tensors.emplace(name, source).second) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": tensor \"", name, "\" is in another shard as well"));
  }
  weights->files.push_back(std::move(file));
  return absl::OkStatus();
}

// A shard is a plain file name: an index must not reach out of its folder.
absl::Status CheckShardName(const std::string& index, const std::string& name) {
  if (!name.empty() && name[0] != '.' && !absl::StrContains(name, '/') &&
      !absl::StrContains(name, '\0') && absl::EndsWith(name, ".safetensors")) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      index, ": shard \"", name,
      "\" is not the name of a .safetensors file in the same folder"));
}

// tensor -> shard, as the index has it.
absl::StatusOr<std::map<std::string, std::string>> ReadIndex(
    const std::string& path) {
  R1_ASSIGN_OR_RETURN(const std::string text,
                      ReadBounded(path, kMaxConfigBytes));
  auto json = ParseStrictJson(text);
  if (!json.ok()) return Annotate(json.status(), path);
  const Json* map =
      json->is_object() ? FindMember(*json, "weight_map") : nullptr;
  if (map == nullptr || !map->is_object() || map->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": needs a \"weight_map\" object"));
  }
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": shard of tensor \"", tensor,
                       "\" must be a string, found ", DescribeJson(shard)));
    }
    R1_RETURN_IF_ERROR(CheckShardName(path, shard.get<std::string>()));
    shards[tensor] = shard.get<std::string>();
  }
  return shards;
}

// One line about where index and files disagree.
void WarnOfIndex(const std::string& index, const WeightFiles& weights,
                 const std::map<std::string, std::string>& shards,
                 const std::map<const SafetensorsFile*, std::string>& name_of) {
  std::vector<std::string> different;
  for (const auto& [tensor, shard] : shards) {
    const auto found = weights.tensors.find(tensor);
    if (found == weights.tensors.end() ||
        name_of.at(found->second.file) != shard) {
      different.push_back(tensor);
    }
  }
  for (const auto& [tensor, source] : weights.tensors) {
    if (shards.count(tensor) == 0) different.push_back(tensor);
  }
  if (different.empty()) return;
  LogWarning(absl::StrCat(
      index, ": ", different.size(),
      " tensor(s) are not where it says; what the shards hold is read: ",
      DescribeTensors(different)));
}

absl::StatusOr<WeightFiles> OpenShards(const std::string& folder) {
  const std::string index = absl::StrCat(folder, "/", kIndexFile);
  R1_ASSIGN_OR_RETURN(const auto shards, ReadIndex(index));
  std::set<std::string> names;
  for (const auto& [tensor, shard] : shards) names.insert(shard);
  WeightFiles weights;
  std::map<const SafetensorsFile*, std::string> name_of;
  for (const std::string& name : names) {
    R1_RETURN_IF_ERROR(AddFile(absl::StrCat(folder, "/", name), &weights));
    name_of[weights.files.back().get()] = name;
  }
  WarnOfIndex(index, weights, shards, name_of);
  return weights;
}

// What is said of files that hold weights in forms that are not read.
struct OtherForm {
  absl::string_view suffix;
  absl::string_view message;
};
constexpr absl::string_view kPickled =
    "pickled weights are refused (reading them can run code); convert them "
    "with transformers: save_pretrained(safe_serialization=True)";
constexpr OtherForm kOtherForms[] = {
    {".bin", kPickled},
    {".pt", kPickled},
    {".pth", kPickled},
    {".ckpt", kPickled},
    {".gguf",
     "GGUF files are not read; convert it to a folder, see "
     "tests/model/golden/gguf_to_folder.py"},
    {"adapter_model.safetensors",
     "is an adapter without its model; merge it into the model first "
     "(merge_and_unload of peft)"},
};

absl::Status NoWeights(const std::string& folder) {
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                      ListDirectory(folder));
  for (const std::string& name : names) {
    for (const OtherForm& form : kOtherForms) {
      if (!absl::EndsWith(name, form.suffix)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(folder, "/", name, ": ", form.message));
    }
  }
  return absl::NotFoundError(absl::StrCat(folder, ": has neither ",
                                          kWeightsFile, " nor ", kIndexFile));
}

}  // namespace

absl::StatusOr<WeightFiles> OpenWeightFiles(const std::string& folder) {
  const std::string single = absl::StrCat(folder, "/", kWeightsFile);
  const bool has_index = FileExists(absl::StrCat(folder, "/", kIndexFile));
  if (FileExists(single)) {
    if (has_index) {
      return absl::InvalidArgumentError(
          absl::StrCat(folder, ": has both ", kWeightsFile, " and ", kIndexFile,
                       "; remove the one that is out of date"));
    }
    WeightFiles weights;
    R1_RETURN_IF_ERROR(AddFile(single, &weights));
    return weights;
  }
  if (has_index) return OpenShards(folder);
  return NoWeights(folder);
}

}  // namespace r1

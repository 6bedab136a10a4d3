#include "model/checkpoint.h"

#include <sys/stat.h>

#include <cerrno>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "model/safetensors.h"
#include "model/strict_json.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr char kConfigFile[] = "config.json";
constexpr char kGenerationFile[] = "generation_config.json";
constexpr char kWeightsFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";
constexpr char kTokenizerFile[] = "tokenizer.json";
constexpr char kTokenizerConfigFile[] = "tokenizer_config.json";
constexpr char kHeadName[] = "lm_head.weight";

constexpr int64_t kMaxConfigBytes = int64_t{16} << 20;
constexpr int64_t kMaxTokenizerBytes = int64_t{256} << 20;

// A regular file of bounded size.
absl::StatusOr<std::string> ReadBounded(const std::string& path,
                                        int64_t max_bytes) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) {
    return ErrnoStatus("cannot read", path, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a regular file"));
  }
  if (info.st_size > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": has ", info.st_size,
                                                   " bytes, at most ",
                                                   max_bytes, " are read"));
  }
  return ReadFile(path);
}

std::string ShapeText(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

std::vector<int64_t> ShapeOf(const TensorSpec& spec) {
  if (spec.cols == 0) return {spec.rows};
  return {spec.rows, spec.cols};
}

// "a, b and 3 more": enough to see what is wrong.
std::string Listed(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  if (names.size() <= kShown) return absl::StrJoin(names, ", ");
  return absl::StrCat(
      absl::StrJoin(names.begin(), names.begin() + kShown, ", "), " and ",
      names.size() - kShown, " more");
}

// What generation stops at, where the folder says so; it outranks the ids of
// config.json, as in transformers.
absl::Status ReadGenerationConfig(const std::string& folder,
                                  ModelConfig* config) {
  const std::string path = absl::StrCat(folder, "/", kGenerationFile);
  if (!FileExists(path)) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const std::string text,
                      ReadBounded(path, kMaxConfigBytes));
  auto json = ParseStrictJson(text);
  if (!json.ok()) return Annotate(json.status(), path);
  if (!json->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": must be an object, found ", DescribeJson(*json)));
  }
  const Json* eos = FindMember(*json, "eos_token_id");
  if (eos == nullptr) return absl::OkStatus();
  const Json list = eos->is_array() ? *eos : Json::array({*eos});
  std::vector<int32_t> ids;
  for (const Json& item : list) {
    int64_t id = -1;
    R1_ASSIGN_OR_RETURN(const bool found,
                        ReadInt({{"eos_token_id", item}}, path, "eos_token_id",
                                0, config->vocab_size - 1, &id));
    if (found) ids.push_back(static_cast<int32_t>(id));
  }
  if (!ids.empty()) config->eos_token_ids = ids;
  return absl::OkStatus();
}

// The tensors of one or several files by name.
struct TensorSource {
  const SafetensorsFile* file = nullptr;
  const SafetensorsEntry* entry = nullptr;
};
struct WeightFiles {
  std::vector<std::unique_ptr<SafetensorsFile>> files;
  std::map<std::string, TensorSource> tensors;
};

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

// Index and shards must agree on every tensor.
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
  for (const auto& [tensor, shard] : shards) {
    const auto found = weights.tensors.find(tensor);
    if (found == weights.tensors.end() ||
        name_of[found->second.file] != shard) {
      return absl::InvalidArgumentError(
          absl::StrCat(index, ": tensor \"", tensor, "\" is not in ", shard));
    }
  }
  for (const auto& [tensor, source] : weights.tensors) {
    if (shards.count(tensor) > 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(folder, "/", name_of[source.file], ": tensor \"", tensor,
                     "\" is not in the index"));
  }
  return weights;
}

// Pickled weights run code when read; they are named and refused.
absl::Status NoWeights(const std::string& folder) {
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                      ListDirectory(folder));
  for (const std::string& name : names) {
    for (absl::string_view suffix : {".bin", ".pt", ".pth", ".ckpt"}) {
      if (!absl::EndsWith(name, suffix)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          folder, "/", name,
          ": pickled weights are refused (reading them can run code); convert "
          "them with transformers: save_pretrained(safe_serialization=True)"));
    }
  }
  return absl::NotFoundError(absl::StrCat(folder, ": has neither ",
                                          kWeightsFile, " nor ", kIndexFile));
}

absl::StatusOr<WeightFiles> OpenWeights(const std::string& folder) {
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

absl::Status CheckTensor(const std::string& folder, const TensorSpec& spec,
                         const SafetensorsEntry& entry) {
  if (entry.shape != ShapeOf(spec)) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": tensor \"", spec.name, "\" has shape ",
                     ShapeText(entry.shape), ", expected ",
                     ShapeText(ShapeOf(spec)), " by ", kConfigFile));
  }
  if (entry.dtype == DType::kOther) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": tensor \"", spec.name, "\" has dtype ",
                     entry.dtype_name, ", expected F32, F16 or BF16"));
  }
  return absl::OkStatus();
}

// All names and shapes, before memory is spent on any.
absl::Status CheckTensors(const std::string& folder, const ModelConfig& config,
                          const ParamLayout& layout,
                          const WeightFiles& weights) {
  std::vector<std::string> missing, extra;
  for (const TensorSpec& spec : layout.tensors()) {
    const auto found = weights.tensors.find(spec.name);
    if (found == weights.tensors.end()) {
      missing.push_back(spec.name);
      continue;
    }
    R1_RETURN_IF_ERROR(CheckTensor(folder, spec, *found->second.entry));
  }
  if (!missing.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": lacks ", missing.size(), " tensor(s) that ",
                     kConfigFile, " asks for: ", Listed(missing)));
  }
  for (const auto& [name, source] : weights.tensors) {
    if (layout.Find(name) >= 0) continue;
    // Some writers store the head of a tied model a second time.
    if (config.tie_embeddings && name == kHeadName) {
      TensorSpec head = layout.tensor(layout.embedding());
      head.name = kHeadName;
      R1_RETURN_IF_ERROR(CheckTensor(folder, head, *source.entry));
      continue;
    }
    extra.push_back(name);
  }
  if (extra.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      folder, ": has ", extra.size(), " tensor(s) that a ", config.model_type,
      " model of this ", kConfigFile, " does not have: ", Listed(extra)));
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> ReadTokenizer(
    const std::string& folder, const ModelConfig& config) {
  const std::string path = absl::StrCat(folder, "/", kTokenizerFile);
  R1_ASSIGN_OR_RETURN(const std::string text,
                      ReadBounded(path, kMaxTokenizerBytes));
  auto tokenizer = Tokenizer::FromJson(text);
  if (!tokenizer.ok()) return Annotate(tokenizer.status(), folder);
  R1_RETURN_IF_ERROR(Annotate(tokenizer->LimitIds(config.vocab_size), path));
  return std::make_shared<const Tokenizer>(*std::move(tokenizer));
}

bool IsFinite(absl::Span<const float> values) {
  float sum = 0;  // 0 * x is 0 for finite x only
  for (float x : values) sum += 0 * x;
  return sum == 0;
}

absl::Status ReadWeights(const std::string& folder, const WeightFiles& weights,
                         ParamSet* params) {
  const ParamLayout& layout = params->layout();
  for (int i = 0; i < static_cast<int>(layout.tensors().size()); ++i) {
    const std::string& name = layout.tensor(i).name;
    const TensorSource& source = weights.tensors.find(name)->second;
    R1_RETURN_IF_ERROR(
        source.file->ReadFloat(*source.entry, params->Elements(i)));
    if (IsFinite(params->Elements(i))) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": tensor \"", name, "\" holds a value that is not finite"));
  }
  return absl::OkStatus();
}

// The first end-of-sequence token that the tokenizer can name.
std::string EosText(const ModelConfig& config, const Tokenizer& tokenizer) {
  for (int32_t id : config.eos_token_ids) {
    const absl::string_view text = tokenizer.TokenBytes(id);
    if (tokenizer.SpecialId(text) == id) return std::string(text);
  }
  return "";
}

std::string TokenizerConfigJson(const ModelConfig& config,
                                const Tokenizer& tokenizer) {
  Json json = {{"tokenizer_class", "PreTrainedTokenizerFast"},
               {"clean_up_tokenization_spaces", false},
               {"model_max_length", config.max_positions}};
  const std::string eos = EosText(config, tokenizer);
  if (!eos.empty()) {
    json["eos_token"] = eos;
    json["pad_token"] = eos;
  }
  return json.dump(2) + "\n";
}

std::string GenerationConfigJson(const ModelConfig& config) {
  Json json = {{"_from_model_config", true}};
  const auto& eos = config.eos_token_ids;
  if (eos.size() == 1) json["eos_token_id"] = eos[0];
  if (eos.size() > 1) json["eos_token_id"] = eos;
  if (config.bos_token_id >= 0) json["bos_token_id"] = config.bos_token_id;
  return json.dump(2) + "\n";
}

}  // namespace

absl::StatusOr<ModelFolder> LoadModelFolder(const std::string& path) {
  R1_ASSIGN_OR_RETURN(
      const std::string text,
      ReadBounded(absl::StrCat(path, "/", kConfigFile), kMaxConfigBytes));
  auto config = ModelConfigFromJson(text);
  if (!config.ok()) return Annotate(config.status(), path);
  R1_RETURN_IF_ERROR(ReadGenerationConfig(path, &*config));
  auto layout = std::make_shared<const ParamLayout>(*config);
  R1_ASSIGN_OR_RETURN(const WeightFiles weights, OpenWeights(path));
  R1_RETURN_IF_ERROR(CheckTensors(path, *config, *layout, weights));
  R1_ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer,
                      ReadTokenizer(path, *config));
  ParamSet params(std::move(layout));
  R1_RETURN_IF_ERROR(ReadWeights(path, weights, &params));
  return ModelFolder{*std::move(config), std::move(params),
                     std::move(tokenizer)};
}

absl::Status WriteModelFolder(const std::string& path,
                              const ModelConfig& config, const ParamSet& params,
                              const Tokenizer& tokenizer) {
  std::vector<SafetensorsTensor> tensors;
  const ParamLayout& layout = params.layout();
  for (int i = 0; i < static_cast<int>(layout.tensors().size()); ++i) {
    const TensorSpec& spec = layout.tensor(i);
    tensors.push_back({spec.name, ShapeOf(spec), params.Elements(i)});
  }
  R1_RETURN_IF_ERROR(
      WriteSafetensors(absl::StrCat(path, "/", kWeightsFile), tensors));
  const std::pair<const char*, std::string> files[] = {
      {kConfigFile, ModelConfigToJson(config)},
      {kTokenizerFile, tokenizer.ToJson()},
      {kTokenizerConfigFile, TokenizerConfigJson(config, tokenizer)},
      {kGenerationFile, GenerationConfigJson(config)},
  };
  for (const auto& [name, content] : files) {
    R1_RETURN_IF_ERROR(WriteFileAtomic(absl::StrCat(path, "/", name), content));
  }
  return absl::OkStatus();
}

}  // namespace r1

#include "model/checkpoint.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "model/bounded_file.h"
#include "model/config_json.h"
#include "model/param_files.h"
#include "model/safetensors.h"
#include "model/strict_json.h"
#include "model/tensor_names.h"
#include "model/tokenizer_folder.h"
#include "model/weight_files.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr char kGenerationFile[] = "generation_config.json";
constexpr char kHeadName[] = "lm_head.weight";
constexpr absl::string_view kScorePrefix = "score.";
constexpr char kEmbeddingName[] = "model.embed_tokens.weight";

std::string ShapeText(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
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

// A folder's tensors by their names here.
struct NamedTensors {
  WeightFiles weights;
  std::map<std::string, TensorSource> tensors;
};

absl::StatusOr<NamedTensors> OpenTensors(const std::string& folder) {
  NamedTensors named;
  R1_ASSIGN_OR_RETURN(named.weights, OpenWeightFiles(folder));
  std::vector<std::string> names;
  for (const auto& [name, source] : named.weights.tensors) {
    names.push_back(name);
  }
  const auto own_names = OwnTensorNames(names);
  if (!own_names.ok()) return Annotate(own_names.status(), folder);
  for (const auto& [own, name] : *own_names) {
    named.tensors[own] = named.weights.tensors.at(name);
  }
  return named;
}

// The same shape and the same values, read in pieces.
absl::StatusOr<bool> AreEqual(const TensorSource& a, const TensorSource& b) {
  if (a.entry->shape != b.entry->shape) return false;
  int64_t rest = 1;
  for (int64_t size : a.entry->shape) rest *= size;
  std::vector<float> values[2];
  SafetensorsEntry pieces[2] = {*a.entry, *b.entry};
  const SafetensorsFile* files[2] = {a.file, b.file};
  const uint64_t item_bytes[2] = {
      (pieces[0].end - pieces[0].begin) / std::max<int64_t>(rest, 1),
      (pieces[1].end - pieces[1].begin) / std::max<int64_t>(rest, 1)};
  while (rest > 0) {
    const int64_t count = std::min<int64_t>(rest, int64_t{1} << 20);
    for (int i = 0; i < 2; ++i) {
      values[i].resize(count);
      pieces[i].end = pieces[i].begin + count * item_bytes[i];
      R1_RETURN_IF_ERROR(
          files[i]->ReadFloat(pieces[i], absl::MakeSpan(values[i])));
      pieces[i].begin = pieces[i].end;
    }
    if (values[0] != values[1]) return false;
    rest -= count;
  }
  return true;
}

// Whether a head that config.json calls tied is, by what the files hold and as
// transformers 5 decides it: the one of embeddings and head that is there
// stands for both; two that are equal are one, two that differ are two.
absl::Status ResolveTie(const std::string& folder, NamedTensors* named,
                        ModelConfig* config) {
  if (!config->tie_embeddings || config->head == ModelHead::kScore) {
    return absl::OkStatus();
  }
  const auto head = named->tensors.find(kHeadName);
  if (head == named->tensors.end()) return absl::OkStatus();
  const auto embedding = named->tensors.emplace(kEmbeddingName, head->second);
  if (!embedding.second) {
    R1_ASSIGN_OR_RETURN(const bool is_tied,
                        AreEqual(head->second, embedding.first->second));
    if (!is_tied) {
      LogWarning(absl::StrCat(
          folder, ": \"tie_word_embeddings\" is true, but ", kHeadName,
          " differs from the embeddings: read as a model with its own head"));
      config->tie_embeddings = false;
      return absl::OkStatus();
    }
  }
  named->tensors.erase(head);
  return absl::OkStatus();
}

absl::Status CheckTensor(const std::string& folder, const TensorSpec& spec,
                         const SafetensorsEntry& entry) {
  if (entry.shape != ShapeOf(spec)) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": tensor \"", entry.name, "\" has shape ",
                     ShapeText(entry.shape), ", expected ",
                     ShapeText(ShapeOf(spec)), " by ", kConfigFile));
  }
  if (entry.dtype == FileDType::kOther) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": tensor \"", entry.name, "\" has dtype ",
                     entry.dtype_name, ", expected F32, F16 or BF16"));
  }
  return absl::OkStatus();
}

// What could make parameters missing or too many, where the names tell.
std::string Remedy(const std::vector<std::string>& missing,
                   const std::vector<std::string>& extra) {
  for (const std::string& name : extra) {
    if (absl::StrContains(name, "lora_")) {
      return "; merge the LoRA adapter into the model first "
             "(merge_and_unload of peft)";
    }
  }
  if (missing == std::vector<std::string>{kHeadName}) {
    return absl::StrCat(
        "; if the head is the embeddings, set "
        "\"tie_word_embeddings\": true in ",
        kConfigFile);
  }
  return "";
}

// Whether leaving out the tensor could change what the model computes.
bool IsComputed(absl::string_view name, const ModelConfig& config) {
  if (config.head == ModelHead::kVocabulary) {
    return IsOfComputedPart(name, config.num_layers);
  }
  return absl::StartsWith(name, kScorePrefix) ||
         (name != kHeadName && IsOfComputedPart(name, config.num_layers));
}

// All names and shapes, before memory is spent on any.
absl::Status CheckTensors(const std::string& folder, const ModelConfig& config,
                          const ParamLayout& layout,
                          const std::map<std::string, TensorSource>& tensors) {
  std::vector<std::string> missing, extra, skipped;
  std::set<std::string> expected;
  for (const TensorSpec& spec : layout.tensors()) {
    expected.insert(spec.name);
    const auto found = tensors.find(spec.name);
    if (found == tensors.end()) {
      missing.push_back(spec.name);
      continue;
    }
    R1_RETURN_IF_ERROR(CheckTensor(folder, spec, *found->second.entry));
  }
  for (const auto& [name, source] : tensors) {
    if (expected.count(name) > 0) continue;
    (IsComputed(name, config) ? extra : skipped).push_back(source.entry->name);
  }
  if (!missing.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": lacks ", missing.size(), " tensor(s) that ", kConfigFile,
        " asks for: ", DescribeTensors(missing), Remedy(missing, extra)));
  }
  if (!extra.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": has ", extra.size(), " tensor(s) that a ", config.model_type,
        " model of this ", kConfigFile,
        " does not have, in parts that it computes with, so that leaving them "
        "out could change its numbers: ",
        DescribeTensors(extra), Remedy(missing, extra)));
  }
  if (!skipped.empty()) {
    LogWarning(absl::StrCat(folder, ": skipped ", skipped.size(),
                            " tensor(s) that the model does not compute with: ",
                            DescribeTensors(skipped)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> ReadTokenizer(
    const std::string& folder, const ModelConfig& config) {
  R1_ASSIGN_OR_RETURN(Tokenizer tokenizer,
                      ReadTokenizerFolder(folder, config.vocab_size));
  return std::make_shared<const Tokenizer>(std::move(tokenizer));
}

absl::Status ReadWeights(const std::string& folder,
                         const std::map<std::string, TensorSource>& tensors,
                         ParamSet* params) {
  const ParamLayout& layout = params->layout();
  for (int i = 0; i < static_cast<int>(layout.tensors().size()); ++i) {
    const std::string& name = layout.tensor(i).name;
    const TensorSource& source = tensors.at(name);
    std::vector<float> values(layout.tensor(i).count());
    R1_RETURN_IF_ERROR(
        source.file->ReadFloat(*source.entry, absl::MakeSpan(values)));
    if (!AreFinite(values)) {
      return absl::InvalidArgumentError(absl::StrCat(
          folder, ": tensor \"", name, "\" holds a value that is not finite"));
    }
    params->Write(i, 0, values);
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

absl::StatusOr<ModelFolder> LoadModelFolder(const std::string& path,
                                            ModelHead head) {
  R1_ASSIGN_OR_RETURN(
      const std::string text,
      ReadBounded(absl::StrCat(path, "/", kConfigFile), kMaxConfigBytes));
  auto config = ModelConfigFromJson(text, head);
  if (!config.ok()) return Annotate(config.status(), path);
  R1_RETURN_IF_ERROR(ReadGenerationConfig(path, &*config));
  R1_ASSIGN_OR_RETURN(NamedTensors named, OpenTensors(path));
  R1_RETURN_IF_ERROR(ResolveTie(path, &named, &*config));
  auto layout = std::make_shared<const ParamLayout>(*config);
  R1_RETURN_IF_ERROR(CheckTensors(path, *config, *layout, named.tensors));
  R1_ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer,
                      ReadTokenizer(path, *config));
  ParamSet params(std::move(layout));
  R1_RETURN_IF_ERROR(ReadWeights(path, named.tensors, &params));
  return ModelFolder{*std::move(config), std::move(params),
                     std::move(tokenizer)};
}

absl::Status WriteModelFolder(const std::string& path,
                              const ModelConfig& config, const ParamSet& params,
                              const Tokenizer& tokenizer) {
  return WriteModelFolder(
      path, config, params.layout(),
      [&](int index, int64_t begin, absl::Span<float> out) {
        params.Read(index, begin, out);
      },
      tokenizer);
}

absl::Status WriteModelFolder(const std::string& path,
                              const ModelConfig& config,
                              const ParamLayout& layout, ParamReader read,
                              const Tokenizer& tokenizer) {
  std::vector<SafetensorsTensor> tensors;
  AppendTensors("", layout, read, &tensors);
  R1_RETURN_IF_ERROR(
      WriteSafetensors(absl::StrCat(path, "/", kWeightsFile), tensors));
  const std::pair<absl::string_view, std::string> files[] = {
      {kConfigFile, ModelConfigToJson(config)},
      {kGenerationFile, GenerationConfigJson(config)},
  };
  for (const auto& [name, content] : files) {
    R1_RETURN_IF_ERROR(WriteFileAtomic(absl::StrCat(path, "/", name), content));
  }
  return WriteTokenizerFolder(path, tokenizer,
                              TokenizerConfigJson(config, tokenizer));
}

}  // namespace r1

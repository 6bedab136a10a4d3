#include "model/lora_files.h"

#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "model/bounded_file.h"
#include "model/param_files.h"
#include "model/safetensors.h"
#include "model/strict_json.h"

namespace r1 {
namespace {

constexpr char kAdapterConfig[] = "/adapter_config.json";
constexpr char kAdapterWeights[] = "/adapter_model.safetensors";
constexpr char kBaseModel[] = "base_model_name_or_path";
constexpr char kRank[] = "r";
constexpr char kAlpha[] = "lora_alpha";

}  // namespace

absl::Status WriteAdapters(const std::string& path, const Lora& lora,
                           const ParamSet& adapters,
                           const std::string& base_model) {
  std::vector<SafetensorsTensor> tensors;
  const auto read = [&](int index, int64_t begin, absl::Span<float> out) {
    adapters.Read(index, begin, out);
  };
  AppendTensors("", adapters.layout(), read, &tensors);
  R1_RETURN_IF_ERROR(WriteSafetensors(path + kAdapterWeights, tensors));
  const nlohmann::json json = {
      {"peft_type", "LORA"},
      {"task_type", "CAUSAL_LM"},
      {kBaseModel, base_model},
      {kRank, lora.config().rank},
      {kAlpha, lora.config().alpha},
      {"lora_dropout", 0.0},
      {"target_modules", lora.config().targets},
      {"bias", "none"},
      {"fan_in_fan_out", false},
      {"init_lora_weights", true},
      {"use_rslora", false},
      {"inference_mode", true},
  };
  return WriteFileAtomic(path + kAdapterConfig, json.dump(2) + "\n");
}

absl::StatusOr<std::string> ReadAdapters(const std::string& path,
                                         const Lora& lora, ParamSet* adapters) {
  const std::string config = path + kAdapterConfig;
  R1_ASSIGN_OR_RETURN(const std::string text,
                      ReadBounded(config, kMaxConfigBytes));
  const auto json = ParseStrictJson(text);
  if (!json.ok()) return Annotate(json.status(), config);
  int64_t rank = 0;
  double alpha = 0;
  std::string base_model;
  R1_RETURN_IF_ERROR(ReadInt(*json, config, kRank, 1,
                             std::numeric_limits<int32_t>::max(), &rank)
                         .status());
  R1_RETURN_IF_ERROR(ReadDouble(*json, config, kAlpha, 0,
                                std::numeric_limits<float>::max(), &alpha)
                         .status());
  R1_RETURN_IF_ERROR(
      ReadString(*json, config, kBaseModel, &base_model).status());
  if (rank != lora.config().rank ||
      static_cast<float>(alpha) != lora.config().alpha) {
    return absl::InvalidArgumentError(absl::StrCat(
        config, ": has rank ", rank, " and alpha ", alpha, ", expected ",
        lora.config().rank, " and ", lora.config().alpha));
  }
  const std::string weights = path + kAdapterWeights;
  R1_ASSIGN_OR_RETURN(const auto file, SafetensorsFile::Open(weights));
  R1_RETURN_IF_ERROR(ReadTensors(*file, weights, "", adapters));
  return base_model;
}

}  // namespace r1

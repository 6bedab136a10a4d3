#include "model/rope_config.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/config_json.h"
#include "model/rope.h"
#include "model/strict_json.h"

namespace r1 {
namespace {

using Json = nlohmann::json;
using Kind = RopeScaling::Kind;

constexpr char kOldKey[] = "rope_scaling";
constexpr char kNewKey[] = "rope_parameters";
constexpr char kOriginal[] = "original_max_position_embeddings";

// What all three families mean when the key is absent.
constexpr double kDefaultTheta = 10000;

struct Rope {
  double theta = kDefaultTheta;
  RopeScaling scaling;

  bool operator==(const Rope&) const = default;
};

// One object of settings, and what is around it.
struct RopeReader {
  const Json& json;  // config.json
  const Json& rope;  // the object inside
  std::string where;
  int64_t max_positions;

  absl::Status Number(absl::string_view key, double low, double* out) const {
    return ReadDouble(rope, where, key, low, 1e6, out).status();
  }
  absl::Status RequireNumber(absl::string_view key, double low,
                             double* out) const {
    R1_ASSIGN_OR_RETURN(const bool found,
                        ReadDouble(rope, where, key, low, 1e6, out));
    return found ? absl::OkStatus() : MissingMember(where, key);
  }
  // As transformers has it: the member beside the object outranks the one in
  // it, and without either the context is the original one.
  absl::Status OriginalContext(RopeScaling* scaling) const {
    int64_t* out = &scaling->original_max_position_embeddings;
    *out = max_positions;
    R1_RETURN_IF_ERROR(
        ReadInt(rope, where, kOriginal, 1, kMaxPositions, out).status());
    return ReadInt(json, kConfigFile, kOriginal, 1, kMaxPositions, out)
        .status();
  }

  absl::StatusOr<RopeScaling> Linear() const;
  absl::StatusOr<RopeScaling> Llama3() const;
  absl::StatusOr<RopeScaling> Yarn(double theta) const;
};

absl::StatusOr<RopeScaling> RopeReader::Linear() const {
  RopeScaling scaling;
  R1_RETURN_IF_ERROR(RequireNumber("factor", 1, &scaling.factor));
  if (scaling.factor != 1) scaling.kind = Kind::kLinear;
  return scaling;
}

absl::StatusOr<RopeScaling> RopeReader::Llama3() const {
  RopeScaling scaling;
  scaling.kind = Kind::kLlama3;
  R1_RETURN_IF_ERROR(RequireNumber("factor", 1, &scaling.factor));
  R1_RETURN_IF_ERROR(
      RequireNumber("low_freq_factor", 1e-6, &scaling.low_freq_factor));
  R1_RETURN_IF_ERROR(
      RequireNumber("high_freq_factor", 1e-6, &scaling.high_freq_factor));
  R1_RETURN_IF_ERROR(OriginalContext(&scaling));
  if (scaling.low_freq_factor >= scaling.high_freq_factor) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, ": low_freq_factor ", scaling.low_freq_factor,
        " must be below high_freq_factor ", scaling.high_freq_factor));
  }
  return scaling.factor == 1 ? RopeScaling() : scaling;
}

absl::StatusOr<RopeScaling> RopeReader::Yarn(double theta) const {
  RopeScaling scaling;
  scaling.kind = Kind::kYarn;
  R1_RETURN_IF_ERROR(OriginalContext(&scaling));
  R1_ASSIGN_OR_RETURN(
      const bool has_factor,
      ReadDouble(rope, where, "factor", 1, 1e6, &scaling.factor));
  if (!has_factor) {
    scaling.factor = static_cast<double>(max_positions) /
                     scaling.original_max_position_embeddings;
  }
  R1_RETURN_IF_ERROR(Number("beta_fast", 1e-6, &scaling.beta_fast));
  R1_RETURN_IF_ERROR(Number("beta_slow", 1e-6, &scaling.beta_slow));
  R1_RETURN_IF_ERROR(
      ReadBool(rope, where, "truncate", &scaling.truncate).status());
  double mscale = 0, mscale_all_dim = 0;
  R1_RETURN_IF_ERROR(Number("mscale", 0, &mscale));
  R1_RETURN_IF_ERROR(Number("mscale_all_dim", 0, &mscale_all_dim));
  scaling.attention_factor =
      YarnAttentionFactor(scaling.factor, mscale, mscale_all_dim);
  R1_RETURN_IF_ERROR(
      Number("attention_factor", 1e-6, &scaling.attention_factor));
  if (theta <= 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, ": yarn needs a rope_theta above 1, found ", theta));
  }
  const bool changes = scaling.factor != 1 || scaling.attention_factor != 1;
  return changes ? scaling : RopeScaling();
}

absl::StatusOr<RopeScaling> ReadScaling(const RopeReader& reader,
                                        absl::string_view key, double theta) {
  for (const auto& [name, value] : reader.rope.items()) {
    if (!value.is_object()) continue;
    return NotComputed(absl::StrCat(key, ".", name), value,
                       "one setting for all layers");
  }
  std::string type = "default";
  R1_RETURN_IF_ERROR(
      ReadString(reader.rope, reader.where, "type", &type).status());
  R1_RETURN_IF_ERROR(
      ReadString(reader.rope, reader.where, "rope_type", &type).status());
  if (type == "linear") return reader.Linear();
  if (type == "llama3") return reader.Llama3();
  if (type == "yarn") return reader.Yarn(theta);
  // "dynamic" changes nothing within max_position_embeddings, and no sequence
  // here is longer.
  if (type == "default" || type == "dynamic") return RopeScaling();
  return NotComputed(absl::StrCat(key, ".rope_type"), type,
                     type == "longrope" || type == "su"
                         ? "frequencies that do not depend on the length of "
                           "the sequence: \"default\", \"linear\", "
                           "\"dynamic\", \"llama3\" and \"yarn\""
                         : "\"default\", \"linear\", \"dynamic\", \"llama3\" "
                           "and \"yarn\"");
}

// The settings by the object under `key`, which may be absent; `default_theta`
// is meant where none is given.
absl::StatusOr<Rope> ReadSpelling(const Json& json, absl::string_view key,
                                  int64_t max_positions, double default_theta) {
  Rope rope;
  rope.theta = default_theta;
  R1_ASSIGN_OR_RETURN(
      const bool has_outer,
      ReadDouble(json, kConfigFile, "rope_theta", 1, 1e15, &rope.theta));
  const Json* object = FindMember(json, key);
  if (object == nullptr) return rope;
  const std::string where = absl::StrCat(kConfigFile, ": \"", key, "\"");
  if (!object->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, " must be an object, found ", DescribeJson(*object)));
  }
  double theta = rope.theta;
  R1_RETURN_IF_ERROR(
      ReadDouble(*object, where, "rope_theta", 1, 1e15, &theta).status());
  if (has_outer && theta != rope.theta) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": rope_theta ", theta, " contradicts rope_theta ",
                     rope.theta, " outside; remove the wrong one"));
  }
  rope.theta = theta;
  double rotary = 1;
  R1_RETURN_IF_ERROR(
      ReadDouble(*object, where, "partial_rotary_factor", 0, 1, &rotary)
          .status());
  if (rotary != 1) return NotComputed("partial_rotary_factor", rotary, "1");
  R1_ASSIGN_OR_RETURN(
      rope.scaling,
      ReadScaling({json, *object, where, max_positions}, key, theta));
  return rope;
}

// What the settings are called where they are written anew.
Json ScalingToJson(const RopeScaling& s) {
  switch (s.kind) {
    case Kind::kNone:
      return {{"rope_type", "default"}};
    case Kind::kLinear:
      return {{"rope_type", "linear"}, {"factor", s.factor}};
    case Kind::kLlama3:
      return {{"rope_type", "llama3"},
              {"factor", s.factor},
              {"low_freq_factor", s.low_freq_factor},
              {"high_freq_factor", s.high_freq_factor},
              {kOriginal, s.original_max_position_embeddings}};
    case Kind::kYarn:
      return {{"rope_type", "yarn"},
              {"factor", s.factor},
              {"beta_fast", s.beta_fast},
              {"beta_slow", s.beta_slow},
              {"truncate", s.truncate},
              {"attention_factor", s.attention_factor},
              {kOriginal, s.original_max_position_embeddings}};
  }
  return nullptr;
}

}  // namespace

absl::Status ReadRope(const Json& json, ModelConfig* config) {
  const bool is_new = FindMember(json, kNewKey) != nullptr;
  R1_ASSIGN_OR_RETURN(const Rope rope,
                      ReadSpelling(json, is_new ? kNewKey : kOldKey,
                                   config->max_positions, kDefaultTheta));
  if (is_new && FindMember(json, kOldKey) != nullptr) {
    R1_ASSIGN_OR_RETURN(
        const Rope old,
        ReadSpelling(json, kOldKey, config->max_positions, rope.theta));
    if (!(old == rope)) {
      return absl::InvalidArgumentError(
          absl::StrCat(kConfigFile, ": has both \"", kOldKey, "\" and \"",
                       kNewKey, "\", and they differ; remove the wrong one"));
    }
  }
  config->rope_theta = rope.theta;
  config->rope_scaling = rope.scaling;
  if (rope.scaling.kind == Kind::kYarn) {
    const double stretched =
        rope.scaling.factor * rope.scaling.original_max_position_embeddings;
    config->max_positions = std::max(
        config->max_positions, static_cast<int64_t>(std::min<double>(
                                   std::round(stretched), kMaxPositions)));
  }
  return absl::OkStatus();
}

void WriteRope(const ModelConfig& config, Json* json) {
  const bool is_new = FindMember(*json, kNewKey) != nullptr;
  const bool is_said = is_new || FindMember(*json, "rope_theta") != nullptr;
  ModelConfig written = config;
  if (is_said && ReadRope(*json, &written).ok() &&
      written.rope_theta == config.rope_theta &&
      written.rope_scaling == config.rope_scaling &&
      written.max_positions == config.max_positions) {
    return;
  }
  for (const char* key : {kOldKey, kNewKey, kOriginal, "rope_theta"}) {
    json->erase(key);
  }
  Json scaling = ScalingToJson(config.rope_scaling);
  if (is_new) {
    scaling["rope_theta"] = config.rope_theta;
    (*json)[kNewKey] = std::move(scaling);
    return;
  }
  (*json)["rope_theta"] = config.rope_theta;
  (*json)[kOldKey] = config.rope_scaling.kind == Kind::kNone
                         ? Json(nullptr)
                         : std::move(scaling);
}

}  // namespace r1

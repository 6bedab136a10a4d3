// The rotary settings of config.json: "rope_theta" and "rope_scaling" as
// transformers 4 writes them, "rope_parameters" with both inside as 5 does.
#ifndef R1_MODEL_ROPE_CONFIG_H_
#define R1_MODEL_ROPE_CONFIG_H_

#include <cstdint>

#include "absl/status/status.h"
#include "model/model_config.h"
#include "nlohmann/json.hpp"

namespace r1 {

inline constexpr int64_t kMaxPositions = int64_t{1} << 21;

// Sets rope_theta and rope_scaling. `config` has the file's
// max_position_embeddings in max_positions, which yarn raises to factor times
// the original context.
// Errors: InvalidArgument for what is malformed or contradicts itself;
// Unimplemented for kinds that are not computed here.
absl::Status ReadRope(const nlohmann::json& json, ModelConfig* config);

// Makes ReadRope(*json) give the config's settings. `json` has the config's
// max_positions; settings that mean the same already stay as they are spelt.
void WriteRope(const ModelConfig& config, nlohmann::json* json);

}  // namespace r1

#endif  // R1_MODEL_ROPE_CONFIG_H_

// Adapters as PEFT keeps them: adapter_config.json, adapter_model.safetensors.
#ifndef R1_MODEL_LORA_FILES_H_
#define R1_MODEL_LORA_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/lora.h"

namespace r1 {

// Writes both files into the existing folder `path` (not atomic, as
// WriteModelFolder). `base_model`: the folder of W0, for PEFT to load.
absl::Status WriteAdapters(const std::string& path, const Lora& lora,
                           const ParamSet& adapters,
                           const std::string& base_model);

// Sets `adapters`, which have the layout of `lora`, to those in the folder and
// returns its base model.
// Errors: those of reading; InvalidArgument for a tensor that is missing, of
// another size or not finite, and for another rank or alpha.
absl::StatusOr<std::string> ReadAdapters(const std::string& path,
                                         const Lora& lora, ParamSet* adapters);

}  // namespace r1

#endif  // R1_MODEL_LORA_FILES_H_

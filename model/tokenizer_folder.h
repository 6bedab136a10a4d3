// A model folder's tokenizer: tokenizer.json and the files beside it.
#ifndef R1_MODEL_TOKENIZER_FOLDER_H_
#define R1_MODEL_TOKENIZER_FOLDER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/tokenizer.h"

namespace r1 {

// For a model with so many embeddings.
// Errors: NotFound without tokenizer.json; those of Tokenizer::FromFiles and
// LimitIds; all name the folder.
absl::StatusOr<Tokenizer> ReadTokenizerFolder(const std::string& folder,
                                              int64_t num_embeddings);

// The files as they were read. `own_config_json` is written where there was no
// tokenizer_config.json.
absl::Status WriteTokenizerFolder(const std::string& folder,
                                  const Tokenizer& tokenizer,
                                  const std::string& own_config_json);

}  // namespace r1

#endif  // R1_MODEL_TOKENIZER_FOLDER_H_

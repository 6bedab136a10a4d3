// "post_processor" of tokenizer.json: the tokens that stand around every text.
#ifndef R1_MODEL_POST_PROCESSOR_H_
#define R1_MODEL_POST_PROCESSOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace r1 {

// Ids before a text (BOS) and behind it (EOS).
struct AroundText {
  std::vector<int32_t> before, after;
};

// ByteLevel adds nothing; TemplateProcessing, BertProcessing, RobertaProcessing
// and Sequences of these add what `tokenizers` adds to a single text.
// Errors: Unimplemented for other types, by name; InvalidArgument.
absl::StatusOr<AroundText> ReadPostProcessor(const nlohmann::json& json);

}  // namespace r1

#endif  // R1_MODEL_POST_PROCESSOR_H_

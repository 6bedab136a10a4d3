// What a reward model reads of a completion, and how it becomes tokens: the
// same in training and where it judges.
#ifndef R1_JUDGE_JUDGED_TEXT_H_
#define R1_JUDGE_JUDGED_TEXT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/model_config.h"
#include "model/tokenizer.h"

namespace r1 {

// DeepSeek-R1 (arXiv 2501.12948 v2), 3.1: the helpful reward model judges the
// final summary alone, the safety reward model the whole response.
enum class JudgedPart { kAnswer, kWhole };

// That part, white space around it stripped. The answer is what follows the
// reasoning (SplitReasoning in reward/format/tags.h), without <answer> tags
// that enclose all of it. Nothing if the part is empty or is not there:
// reasoning that never ended.
std::optional<absl::string_view> PartOf(absl::string_view completion,
                                        JudgedPart part);

// The tokens of a judged text, which the model of `config` can score. Where the
// tokenizer has a chat template: the conversation of the prompt as the user's
// message and the text as the assistant's. Otherwise of prompt, empty line,
// text and line end, the text alone without a prompt, as transformers'
// tokenizer(...) makes them. Special tokens in prompt and text are text.
// Errors: InvalidArgument for a text that is longer than the context or that
// the tokenizer cannot spell; those of the chat template.
absl::StatusOr<std::vector<int32_t>> EncodeJudged(const Tokenizer& tokenizer,
                                                  const ModelConfig& config,
                                                  absl::string_view prompt,
                                                  absl::string_view text);

}  // namespace r1

#endif  // R1_JUDGE_JUDGED_TEXT_H_

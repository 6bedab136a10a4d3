// When a sample ends: end token, stop string or length.
#ifndef R1_ROLLOUT_STOP_CHECKER_H_
#define R1_ROLLOUT_STOP_CHECKER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "model/model_config.h"
#include "model/tokenizer.h"
#include "proto/rollout.pb.h"
#include "rollout/sequence.h"

namespace r1 {

// Threads: immutable; safe from any thread, one at a time per sequence.
class StopChecker {
 public:
  // The tokenizer may be null if no sample has stop strings.
  StopChecker(const ModelConfig& config,
              std::shared_ptr<const Tokenizer> tokenizer)
      : end_tokens_(config.eos_token_ids), tokenizer_(std::move(tokenizer)) {}

  // Why the sample ends with its newest token, in the order end token, stop
  // string, length; FINISH_UNSPECIFIED if it goes on. Call once per token.
  // A stop string is looked for in the bytes of the completion, wherever the
  // tokens cut it; the token that completes it stays.
  FinishReason Check(Sequence* sequence) const;

 private:
  bool EndsWithStop(Sequence* sequence) const;

  std::vector<int32_t> end_tokens_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

}  // namespace r1

#endif  // R1_ROLLOUT_STOP_CHECKER_H_

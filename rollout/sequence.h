// One sample on its way through the engine, and the prompt that it shares with
// the other samples of its group.
#ifndef R1_ROLLOUT_SEQUENCE_H_
#define R1_ROLLOUT_SEQUENCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/buffer.h"
#include "proto/rollout.pb.h"

namespace r1 {

// One sample to generate.
struct EngineRequest {
  uint64_t key = 0;  // chosen by the caller; unique among unfinished requests
  std::shared_ptr<const std::vector<int32_t>> prompt;  // token ids
  // The random draws are Philox(seed; prompt_id, sample_index, position).
  uint64_t seed = 0;
  uint64_t prompt_id = 0;
  uint32_t sample_index = 0;
  SamplingParams sampling;
};

// A prompt in the KV cache. Samples whose prompts have equal tokens share it.
struct Prefix {
  std::shared_ptr<const std::vector<int32_t>> tokens;
  std::vector<int32_t> pages;  // empty while it is not in the cache
  int64_t num_computed = 0;    // positions whose keys are in `pages`
  Buffer last_hidden;          // [1, C], of the last position once complete
  int num_sequences = 0;       // samples that still need it
  int num_running = 0;         // of these, the admitted ones

  int64_t length() const { return tokens->size(); }
  bool is_complete() const { return num_computed == length(); }
};

struct Sequence {
  EngineRequest request;
  Prefix* prefix = nullptr;
  int64_t max_length = 0;  // tokens of prompt and completion, at most
  std::vector<int32_t> completion;
  std::vector<float> logprobs;
  std::string stop_tail;  // last decoded bytes, for stop strings
  // The full pages of the prompt are shared, all others its own. Empty until
  // the first token after the prompt enters the cache.
  std::vector<int32_t> pages;
  int64_t num_computed = 0;  // positions whose keys are in `pages`

  int64_t length() const { return prefix->length() + completion.size(); }
  int32_t token(int64_t position) const {
    const int64_t prompt = prefix->length();
    return position < prompt ? (*prefix->tokens)[position]
                             : completion[position - prompt];
  }
};

}  // namespace r1

#endif  // R1_ROLLOUT_SEQUENCE_H_

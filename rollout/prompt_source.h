// Where prompts come from: a task's generator or a JSONL file. Prompt number
// i is a pure function of (config, seed, i), so the position of a run is one
// integer and any prompt can be made again.
#ifndef R1_ROLLOUT_PROMPT_SOURCE_H_
#define R1_ROLLOUT_PROMPT_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/tokenizer.h"
#include "proto/config.pb.h"
#include "proto/rollout.pb.h"

namespace r1 {

// Training and held-out problems are disjoint by construction.
// Threads: immutable; safe from any thread.
class PromptSource {
 public:
  virtual ~PromptSource() = default;

  // Training prompt `index` (Prompt.id == index), below 2^47.
  // Errors: InvalidArgument for a prompt longer than the context.
  virtual absl::StatusOr<Prompt> Train(uint64_t index) const = 0;
  // Held-out prompt `index`; ids start at 2^47, apart from all training ids.
  virtual absl::StatusOr<Prompt> HeldOut(uint64_t index) const = 0;
  // SHA-256 of what the prompts are made from: the file's bytes or the
  // generator's settings. Part of the run's manifest.
  virtual std::string DataHash() const = 0;
};

// max_prompt_tokens: the context less the completion.
// Errors: NotFound/InvalidArgument for the file, naming line and reason; one is
// a row that makes a longer prompt.
absl::StatusOr<std::unique_ptr<PromptSource>> MakePromptSource(
    const DataSection& config, uint64_t seed,
    std::shared_ptr<const Tokenizer> tokenizer, int64_t max_prompt_tokens);

// Every row of config.file() in order, as held-out prompts: what `eval` reads.
absl::StatusOr<std::vector<Prompt>> LoadPrompts(
    const DataSection& config, std::shared_ptr<const Tokenizer> tokenizer,
    int64_t max_prompt_tokens);

}  // namespace r1

#endif  // R1_ROLLOUT_PROMPT_SOURCE_H_

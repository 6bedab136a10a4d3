// Where prompts come from: a task's generator or a JSONL file. Prompt number
// i is a pure function of (config, seed, i), so the position of a run is one
// integer and any prompt can be made again.
#ifndef R1_ROLLOUT_PROMPT_SOURCE_H_
#define R1_ROLLOUT_PROMPT_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/tokenizer.h"
#include "proto/config.pb.h"
#include "proto/rollout.pb.h"

namespace r1 {

// Ids of held-out prompts start here, above all of training prompts.
inline constexpr uint64_t kFirstHeldOutId = uint64_t{1} << 47;

// Training and held-out problems are disjoint by construction. Two rows of a
// file with the same question are the same problem.
// Threads: immutable; safe from any thread.
class PromptSource {
 public:
  virtual ~PromptSource() = default;

  // Training prompt `index` (Prompt.id == index), below 2^47.
  // Errors: InvalidArgument for a prompt longer than the context.
  virtual absl::StatusOr<Prompt> Train(uint64_t index) const = 0;
  // `count` held-out prompts, no problem twice; fewer if there are no more. The
  // same ones for every seed, a longer list begins with a shorter one, and what
  // comes first does not depend on its place in a file. Ids start at
  // kFirstHeldOutId. Errors: as Train.
  virtual absl::StatusOr<std::vector<Prompt>> HeldOut(int64_t count) const = 0;
  // SHA-256 of what the prompts are made from: the file's bytes or the
  // generator's settings. Part of the run's manifest.
  virtual std::string DataHash() const = 0;
};

// max_prompt_tokens: the context less the completion.
// Errors: NotFound/InvalidArgument for the file, naming line and reason; one is
// a row that makes a longer prompt.
absl::StatusOr<std::unique_ptr<PromptSource>> MakePromptSource(
    const TaskSection& config, uint64_t seed,
    std::shared_ptr<const Tokenizer> tokenizer, int64_t max_prompt_tokens);

// The problems of config.file() as held-out prompts: what `eval` reads.
struct FilePrompts {
  std::vector<Prompt> prompts;  // in the order of the file, no problem twice
  int64_t num_rows = 0;
  int64_t num_problems = 0;  // different ones among the rows
};
// With `most` below the number of problems, those that held-out problems would
// begin with. A prompt's id depends on its row alone.
absl::StatusOr<FilePrompts> LoadPrompts(
    const TaskSection& config, std::shared_ptr<const Tokenizer> tokenizer,
    int64_t max_prompt_tokens, std::optional<int64_t> most = std::nullopt);

}  // namespace r1

#endif  // R1_ROLLOUT_PROMPT_SOURCE_H_

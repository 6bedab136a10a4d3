// What the supervised stages learn from: a generated corpus, rows of files and
// of stages that sample, or both, as token sequences.
#ifndef R1_PIPELINE_STAGES_EXAMPLES_H_
#define R1_PIPELINE_STAGES_EXAMPLES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/supervised.h"
#include "model/tokenizer.h"
#include "proto/config.pb.h"

namespace r1 {

// One document: nothing is scored in `prompt`; a plain text has none. With
// task.chat the prompt is the user's message.
struct Document {
  std::string prompt;
  std::string completion;
  // Of a stage that samples: what the model read and wrote, which a tokenizer
  // of this hash would not always find again in the texts.
  std::vector<int32_t> prompt_tokens = {}, completion_tokens = {};
  std::string tokenizer_sha256 = "";
};

// Threads: immutable; safe from any thread.
class TextCorpus {
 public:
  explicit TextCorpus(TaskSection task) : task_(std::move(task)) {}
  virtual ~TextCorpus() = default;
  // What says whether prompts are messages.
  const TaskSection& task() const { return task_; }
  // Document `index`, a pure function of (config, seed, index). Rows are read
  // in a new random order every epoch, those that are held out never.
  virtual Document At(uint64_t index) const = 0;
  // Documents of an epoch; 0: there is no end.
  virtual uint64_t EpochSize() const = 0;
  // Those that are held out.
  virtual std::vector<Document> HeldOut() const = 0;
  // SHA-256 of what the documents are made from.
  virtual std::string DataHash() const = 0;
  // Finds now what a step would stumble over: rows of a file that have more
  // than `max_tokens` tokens, or none to learn from. Generated documents are
  // made as they are needed, so of them nothing is known.
  // Errors: InvalidArgument naming the first such line.
  virtual absl::Status CheckRows(const Tokenizer& tokenizer, int32_t end_token,
                                 int64_t max_tokens) const = 0;

 private:
  const TaskSection task_;
};

// The corpus of a supervised stage: the rows of its files, of what the stages
// among its data have kept in `run_dir`, and of corpus_rows; or the generated
// corpus without end. Of rows, the share supervised.held_out is held out, by
// the SHA-256 of prompt and completion: at least one, never all.
// Errors: of reading a file, naming line and reason; InvalidArgument if there
// are no two different rows to be on both sides.
absl::StatusOr<std::unique_ptr<TextCorpus>> MakeCorpus(
    const StageConfig& stage, const std::string& run_dir);

// The tokens of prompt and completion, encoded apart as they are in rollouts,
// and the end token unless they end with it. Special tokens are recognised in
// all that is taught; in a user's message they are text. With task.chat the
// prompt is rendered by the model's chat template, and the completion stands
// where an answer would be sampled, without task.answer_prefix a second time.
// `corpus` and the tokenizer must outlive the source.
ExampleSource MakeExampleSource(const TextCorpus* corpus,
                                const Tokenizer* tokenizer, int32_t end_token);

// The same of the documents that are held out. Errors: those of the tokenizer.
absl::StatusOr<std::vector<TrainSequence>> HeldOutExamples(
    const TextCorpus& corpus, const Tokenizer& tokenizer, int32_t end_token);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_EXAMPLES_H_

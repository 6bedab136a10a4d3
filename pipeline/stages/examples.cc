#include "pipeline/stages/examples.h"

#include <mutex>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/philox.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/stages/sampled_rows.h"
#include "proto/recipe.h"
#include "rollout/prompt_template.h"
#include "rollout/tasks/corpus.h"
#include "rollout/tasks/demonstrations.h"
#include "rollout/tasks/generator.h"
#include "rollout/tasks/jsonl.h"
#include "rollout/tasks/row_file.h"
#include "rollout/tasks/writers.h"

namespace r1 {
namespace {

// As transformers' tokenizer(text): with the tokens around it.
absl::StatusOr<std::vector<int32_t>> EncodeText(const Tokenizer& tokenizer,
                                                const std::string& text) {
  R1_ASSIGN_OR_RETURN(std::vector<int32_t> tokens,
                      tokenizer.Encode(text, /*allow_special=*/true));
  return tokenizer.WithEnds(std::move(tokens));
}

absl::StatusOr<TrainSequence> EncodeDocument(const Document& document,
                                             const TaskSection& task,
                                             const Tokenizer& tokenizer,
                                             int32_t end_token) {
  TrainSequence sequence;
  if (!document.prompt_tokens.empty() &&
      document.tokenizer_sha256 == tokenizer.hash()) {
    sequence.tokens = document.prompt_tokens;
    sequence.first_scored = sequence.length();
    sequence.tokens.insert(sequence.tokens.end(),
                           document.completion_tokens.begin(),
                           document.completion_tokens.end());
  } else if (document.prompt.empty()) {  // all but its first token is scored
    R1_ASSIGN_OR_RETURN(sequence.tokens,
                        EncodeText(tokenizer, document.completion));
  } else {
    absl::string_view answer = document.completion;
    if (task.chat()) {
      TaskSection message = task;
      message.clear_template_();
      R1_ASSIGN_OR_RETURN(EncodedPrompt prompt,
                          EncodePrompt(message, tokenizer, document.prompt));
      sequence.tokens = std::move(prompt.tokens);
      absl::ConsumePrefix(&answer, prompt.answer_prefix);
    } else {
      R1_ASSIGN_OR_RETURN(sequence.tokens,
                          EncodeText(tokenizer, document.prompt));
    }
    sequence.first_scored = sequence.length();
    R1_ASSIGN_OR_RETURN(const std::vector<int32_t> completion,
                        tokenizer.Encode(answer, /*allow_special=*/true));
    sequence.tokens.insert(sequence.tokens.end(), completion.begin(),
                           completion.end());
  }
  const bool has_end = sequence.length() > sequence.first_scored &&
                       sequence.tokens.back() == end_token;
  if (!has_end) sequence.tokens.push_back(end_token);
  return sequence;
}

class GeneratedCorpus : public TextCorpus {
 public:
  GeneratedCorpus(const TaskSection& task, uint64_t seed)
      : TextCorpus(task), seed_(seed) {}

  Document At(uint64_t index) const override {
    CorpusDocument document = MakeCorpusDocument(task(), seed_, index);
    return {std::move(document.prompt), std::move(document.completion)};
  }
  std::string DataHash() const override {
    return Sha256Hex(task().SerializeAsString());
  }
  absl::Status CheckRows(const Tokenizer& /*tokenizer*/, int32_t /*end_token*/,
                         int64_t /*max_tokens*/) const override {
    return absl::OkStatus();
  }

 private:
  uint64_t seed_;
};

struct FileRow {
  std::string file;
  int line = 0;
  Document document;
};

// The corpus of the toy world, by the settings of the stage's tasks.
class WrittenCorpus : public GeneratedCorpus {
 public:
  WrittenCorpus(const StageConfig& stage, const TaskSection& task)
      : GeneratedCorpus(task, stage.seed()), stage_(stage) {
    for (const TaskSection& t : stage.task()) {
      if (t.kind() == INSTRUCTION) {
        writers_.instruction_options = InstructionOptionsOf(t);
        demonstrations_.instruction_options = InstructionOptionsOf(t);
      }
      if (t.kind() == SUMS) {
        writers_.sums_options = SumsOptionsOf(t);
        demonstrations_.sums_options = SumsOptionsOf(t);
      }
    }
  }

  Document At(uint64_t index) const override {
    WrittenAnswer answer =
        stage_.supervised().corpus() == WRITERS
            ? WriteDocument(writers_, stage_.seed(), index)
            : WriteDemonstration(demonstrations_, stage_.seed(), index);
    return {RenderPrompt(task(), answer.question),
            std::move(answer.completion)};
  }
  std::string DataHash() const override {
    std::string text = Corpus_Name(stage_.supervised().corpus());
    for (const TaskSection& t : stage_.task()) text += t.SerializeAsString();
    return Sha256Hex(text);
  }

 private:
  const StageConfig stage_;
  WriterOptions writers_;
  DemonstrationOptions demonstrations_;
};

class FileCorpus : public TextCorpus {
 public:
  // At least one row.
  FileCorpus(const TaskSection& task, std::vector<FileRow> rows,
             std::string hash, uint64_t seed)
      : TextCorpus(task),
        rows_(std::move(rows)),
        hash_(std::move(hash)),
        seed_(seed) {}

  Document At(uint64_t index) const override {
    return rows_[RowOf(index / rows_.size(), index % rows_.size())].document;
  }
  std::string DataHash() const override { return hash_; }
  absl::Status CheckRows(const Tokenizer& tokenizer, int32_t end_token,
                         int64_t max_tokens) const override {
    for (const auto& [file, line, document] : rows_) {
      auto encoded = EncodeDocument(document, task(), tokenizer, end_token);
      if (!encoded.ok()) {
        return Annotate(encoded.status(), absl::StrCat(file, ":", line));
      }
      const TrainSequence& sequence = *encoded;
      if (sequence.length() > max_tokens) {
        return absl::InvalidArgumentError(
            absl::StrCat(file, ":", line, ": has ", sequence.length(),
                         " tokens, more than the context of ", max_tokens,
                         ": shorten or drop it, or raise model.max_positions"));
      }
      if (sequence.scored() < 1) {
        return absl::InvalidArgumentError(absl::StrCat(
            file, ":", line, ": there is nothing to learn: drop it"));
      }
    }
    return absl::OkStatus();
  }

 private:
  // Fisher-Yates, one epoch's order kept at a time.
  size_t RowOf(uint64_t epoch, uint64_t position) const {
    std::lock_guard<std::mutex> lock(mutex_);
    if (order_.empty() || epoch != order_epoch_) {
      order_.resize(rows_.size());
      std::iota(order_.begin(), order_.end(), 0);
      RandomSequence random(seed_, RandomStream::kExampleOrder, epoch, 0);
      for (size_t i = order_.size() - 1; i > 0; --i) {
        std::swap(order_[i],
                  order_[random.NextBelow(static_cast<uint32_t>(i + 1))]);
      }
      order_epoch_ = epoch;
    }
    return order_[position];
  }

  const std::vector<FileRow> rows_;
  const std::string hash_;
  const uint64_t seed_;
  mutable std::mutex mutex_;  // guards the cached order
  mutable uint64_t order_epoch_ = 0;
  mutable std::vector<uint32_t> order_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TextCorpus>> MakeCorpus(
    const StageConfig& whole, const std::string& run_dir) {
  const StageConfig stage = EssenceOf(whole);
  const TaskSection& task = FirstTask(stage);
  if (stage.supervised().data().empty() && stage.data_stage().empty()) {
    if (stage.supervised().corpus() != TASK_CORPUS) {
      return std::make_unique<WrittenCorpus>(stage, task);
    }
    return std::make_unique<GeneratedCorpus>(task, stage.seed());
  }
  std::vector<FileRow> rows;
  std::string hashes;
  for (const std::string& file : stage.supervised().data()) {
    R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(file));
    R1_ASSIGN_OR_RETURN(std::vector<TextRow> parsed, ParseTextRows(text, file));
    for (TextRow& row : parsed) {
      rows.push_back(
          {file, row.line, {std::move(row.prompt), std::move(row.completion)}});
    }
    absl::StrAppend(&hashes, Sha256Hex(text), "\n");
  }
  for (const std::string& name : stage.data_stage()) {
    const std::string file = StageData(run_dir, name);
    R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
    R1_ASSIGN_OR_RETURN(std::vector<SampledRow> parsed,
                        ParseSampledRows(text, file));
    int line = 0;
    for (SampledRow& row : parsed) {
      rows.push_back(
          {file,
           ++line,
           {std::move(row.prompt), std::move(row.completion),
            std::move(row.prompt_tokens), std::move(row.completion_tokens),
            std::move(row.tokenizer_sha256)}});
    }
    absl::StrAppend(&hashes, Sha256Hex(text), "\n");
  }
  return std::make_unique<FileCorpus>(task, std::move(rows), Sha256Hex(hashes),
                                      stage.seed());
}

ExampleSource MakeExampleSource(const TextCorpus* corpus,
                                const Tokenizer* tokenizer, int32_t end_token) {
  return [=](uint64_t index) -> absl::StatusOr<TrainSequence> {
    return EncodeDocument(corpus->At(index), corpus->task(), *tokenizer,
                          end_token);
  };
}

}  // namespace r1

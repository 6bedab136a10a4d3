#include "pipeline/stages/examples.h"

#include <algorithm>
#include <cmath>
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
  uint64_t EpochSize() const override { return 0; }
  std::vector<Document> HeldOut() const override { return {}; }
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

struct Row {
  std::string origin;  // a file, or the corpus
  int line = 0;        // in it, from 1
  Document document;
};

// Where the hash of its content puts a row, from 0 to 1.
double PlaceOf(const Document& document) {
  const std::string hex = Sha256Hex(absl::StrCat(
      document.prompt, absl::string_view("\0", 1), document.completion));
  return std::stoull(hex.substr(0, 13), nullptr, 16) / 0x1p52;
}

// Moves the rows whose place is below `share` to `held_out`; if these were none
// or all, the limit moves to the lowest or the highest place. So equal rows
// stand on one side, and a row that is added moves no other.
absl::Status HoldOut(double share, std::vector<Row>* rows,
                     std::vector<Row>* held_out) {
  std::vector<double> places;
  for (const Row& row : *rows) places.push_back(PlaceOf(row.document));
  const auto [low, high] = std::minmax_element(places.begin(), places.end());
  if (*low == *high) {
    return absl::InvalidArgumentError(absl::StrCat(
        "supervised.held_out is ", share, ", but the data have ", rows->size(),
        " rows that are all equal: expected two different ones or more, or "
        "leave it out"));
  }
  const double limit = std::clamp(share, std::nextafter(*low, 1.0), *high);
  std::vector<Row> trained;
  for (size_t i = 0; i < places.size(); ++i) {
    (places[i] < limit ? held_out : &trained)->push_back(std::move((*rows)[i]));
  }
  *rows = std::move(trained);
  return absl::OkStatus();
}

class RowCorpus : public TextCorpus {
 public:
  // At least one row to train on.
  RowCorpus(const TaskSection& task, std::vector<Row> rows,
            std::vector<Row> held_out, std::string hash, uint64_t seed)
      : TextCorpus(task),
        rows_(std::move(rows)),
        held_out_(std::move(held_out)),
        hash_(std::move(hash)),
        seed_(seed) {}

  Document At(uint64_t index) const override {
    return rows_[RowOf(index / rows_.size(), index % rows_.size())].document;
  }
  uint64_t EpochSize() const override { return rows_.size(); }
  std::vector<Document> HeldOut() const override {
    std::vector<Document> documents;
    for (const Row& row : held_out_) documents.push_back(row.document);
    return documents;
  }
  std::string DataHash() const override { return hash_; }
  absl::Status CheckRows(const Tokenizer& tokenizer, int32_t end_token,
                         int64_t max_tokens) const override {
    for (const std::vector<Row>* side : {&rows_, &held_out_}) {
      for (const Row& row : *side) {
        R1_RETURN_IF_ERROR(
            Annotate(CheckRow(row.document, tokenizer, end_token, max_tokens),
                     absl::StrCat(row.origin, ":", row.line)));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status CheckRow(const Document& document, const Tokenizer& tokenizer,
                        int32_t end_token, int64_t max_tokens) const {
    R1_ASSIGN_OR_RETURN(const TrainSequence sequence,
                        EncodeDocument(document, task(), tokenizer, end_token));
    if (sequence.length() > max_tokens) {
      return absl::InvalidArgumentError(absl::StrCat(
          "has ", sequence.length(), " tokens, more than the context of ",
          max_tokens, ": shorten or drop it, or raise model.max_positions"));
    }
    if (sequence.scored() < 1) {
      return absl::InvalidArgumentError("there is nothing to learn: drop it");
    }
    return absl::OkStatus();
  }

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

  const std::vector<Row> rows_, held_out_;
  const std::string hash_;
  const uint64_t seed_;
  mutable std::mutex mutex_;  // guards the cached order
  mutable uint64_t order_epoch_ = 0;
  mutable std::vector<uint32_t> order_;
};

// The documents of the corpus, without end.
std::unique_ptr<TextCorpus> EndlessCorpus(const StageConfig& stage) {
  const TaskSection& task = FirstTask(stage);
  if (stage.supervised().corpus() != TASK_CORPUS) {
    return std::make_unique<WrittenCorpus>(stage, task);
  }
  return std::make_unique<GeneratedCorpus>(task, stage.seed());
}

// Appends all rows of the stage, and what identifies each source to `hashes`.
absl::Status ReadRows(const StageConfig& stage, const std::string& run_dir,
                      std::vector<Row>* rows, std::string* hashes) {
  for (const std::string& file : stage.supervised().data()) {
    R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(file));
    R1_ASSIGN_OR_RETURN(std::vector<TextRow> parsed, ParseTextRows(text, file));
    for (TextRow& row : parsed) {
      rows->push_back(
          {file, row.line, {std::move(row.prompt), std::move(row.completion)}});
    }
    absl::StrAppend(hashes, Sha256Hex(text), "\n");
  }
  for (const std::string& name : stage.data_stage()) {
    const std::string file = StageData(run_dir, name);
    R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
    R1_ASSIGN_OR_RETURN(std::vector<SampledRow> parsed,
                        ParseSampledRows(text, file));
    int line = 0;
    for (SampledRow& row : parsed) {
      rows->push_back(
          {file,
           ++line,
           {std::move(row.prompt), std::move(row.completion),
            std::move(row.prompt_tokens), std::move(row.completion_tokens),
            std::move(row.tokenizer_sha256)}});
    }
    absl::StrAppend(hashes, Sha256Hex(text), "\n");
  }
  const int count = stage.supervised().corpus_rows();
  if (count == 0) return absl::OkStatus();
  const std::unique_ptr<TextCorpus> corpus = EndlessCorpus(stage);
  for (int i = 0; i < count; ++i) {
    rows->push_back({"the corpus", i + 1, corpus->At(i)});
  }
  absl::StrAppend(hashes, corpus->DataHash(), "\n");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextCorpus>> MakeCorpus(
    const StageConfig& whole, const std::string& run_dir) {
  const StageConfig stage = EssenceOf(whole);
  const SupervisedSection& section = stage.supervised();
  if (section.data().empty() && stage.data_stage().empty() &&
      section.corpus_rows() == 0) {
    return EndlessCorpus(stage);
  }
  std::vector<Row> rows, held_out;
  std::string hashes;
  R1_RETURN_IF_ERROR(ReadRows(stage, run_dir, &rows, &hashes));
  if (section.held_out() > 0) {
    R1_RETURN_IF_ERROR(HoldOut(section.held_out(), &rows, &held_out));
  }
  return std::make_unique<RowCorpus>(FirstTask(stage), std::move(rows),
                                     std::move(held_out), Sha256Hex(hashes),
                                     stage.seed());
}

ExampleSource MakeExampleSource(const TextCorpus* corpus,
                                const Tokenizer* tokenizer, int32_t end_token) {
  return [=](uint64_t index) -> absl::StatusOr<TrainSequence> {
    return EncodeDocument(corpus->At(index), corpus->task(), *tokenizer,
                          end_token);
  };
}

absl::StatusOr<std::vector<TrainSequence>> HeldOutExamples(
    const TextCorpus& corpus, const Tokenizer& tokenizer, int32_t end_token) {
  std::vector<TrainSequence> examples;
  for (const Document& document : corpus.HeldOut()) {
    R1_ASSIGN_OR_RETURN(
        examples.emplace_back(),
        EncodeDocument(document, corpus.task(), tokenizer, end_token));
  }
  return examples;
}

}  // namespace r1

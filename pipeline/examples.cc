#include "pipeline/examples.h"

#include <mutex>
#include <numeric>
#include <utility>

#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/philox.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "rollout/prompt_template.h"
#include "rollout/tasks/corpus.h"
#include "rollout/tasks/jsonl.h"
#include "rollout/tasks/row_file.h"

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
                                             const DataSection& data,
                                             const Tokenizer& tokenizer,
                                             int32_t end_token) {
  TrainSequence sequence;
  if (document.prompt.empty()) {  // all but its first token is scored
    R1_ASSIGN_OR_RETURN(sequence.tokens,
                        EncodeText(tokenizer, document.completion));
  } else {
    absl::string_view answer = document.completion;
    if (data.chat()) {
      DataSection message = data;
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

class GeneratedCorpus : public Corpus {
 public:
  GeneratedCorpus(const DataSection& data, uint64_t seed)
      : Corpus(data), seed_(seed) {}

  Document At(uint64_t index) const override {
    CorpusDocument document = MakeCorpusDocument(data(), seed_, index);
    return {std::move(document.prompt), std::move(document.completion)};
  }
  std::string DataHash() const override {
    return Sha256Hex(data().SerializeAsString());
  }
  absl::Status CheckRows(const Tokenizer& /*tokenizer*/, int32_t /*end_token*/,
                         int64_t /*max_tokens*/) const override {
    return absl::OkStatus();
  }

 private:
  uint64_t seed_;
};

class FileCorpus : public Corpus {
 public:
  // At least one row.
  FileCorpus(const DataSection& data, std::string path,
             std::vector<TextRow> rows, std::string hash, uint64_t seed)
      : Corpus(data),
        path_(std::move(path)),
        rows_(std::move(rows)),
        hash_(std::move(hash)),
        seed_(seed) {}

  Document At(uint64_t index) const override {
    const TextRow& row =
        rows_[RowOf(index / rows_.size(), index % rows_.size())];
    return {row.prompt, row.completion};
  }
  std::string DataHash() const override { return hash_; }
  absl::Status CheckRows(const Tokenizer& tokenizer, int32_t end_token,
                         int64_t max_tokens) const override {
    for (const TextRow& row : rows_) {
      auto encoded = EncodeDocument({row.prompt, row.completion}, data(),
                                    tokenizer, end_token);
      if (!encoded.ok()) {
        return Annotate(encoded.status(), absl::StrCat(path_, ":", row.line));
      }
      const TrainSequence& sequence = *encoded;
      if (sequence.length() > max_tokens) {
        return absl::InvalidArgumentError(
            absl::StrCat(path_, ":", row.line, ": has ", sequence.length(),
                         " tokens, more than the context of ", max_tokens,
                         ": shorten or drop it, or raise model.max_positions"));
      }
      if (sequence.scored() < 1) {
        return absl::InvalidArgumentError(absl::StrCat(
            path_, ":", row.line, ": there is nothing to learn: drop it"));
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

  const std::string path_;
  const std::vector<TextRow> rows_;
  const std::string hash_;
  const uint64_t seed_;
  mutable std::mutex mutex_;  // guards the cached order
  mutable uint64_t order_epoch_ = 0;
  mutable std::vector<uint32_t> order_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Corpus>> MakeCorpus(
    const SupervisedSection& section, const DataSection& data, uint64_t seed) {
  if (section.file().empty()) {
    return std::make_unique<GeneratedCorpus>(data, seed);
  }
  R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(section.file()));
  R1_ASSIGN_OR_RETURN(std::vector<TextRow> rows,
                      ParseTextRows(text, section.file()));
  return std::make_unique<FileCorpus>(data, section.file(), std::move(rows),
                                      Sha256Hex(text), seed);
}

ExampleSource MakeExampleSource(const Corpus* corpus,
                                const Tokenizer* tokenizer, int32_t end_token) {
  return [=](uint64_t index) -> absl::StatusOr<TrainSequence> {
    return EncodeDocument(corpus->At(index), corpus->data(), *tokenizer,
                          end_token);
  };
}

}  // namespace r1

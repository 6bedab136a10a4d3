#include "rollout/prompt_source.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/philox.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "rollout/prompt_template.h"
#include "rollout/tasks/generator.h"
#include "rollout/tasks/jsonl.h"
#include "rollout/tasks/row_file.h"
#include "rollout/tasks/split.h"

namespace r1 {
namespace {

// Held-out problems are the same for every run seed.
constexpr uint64_t kHeldOutSeed = 0;

// What turns a problem into a prompt.
struct PromptMaker {
  TaskSection config;
  std::shared_ptr<const Tokenizer> tokenizer;
  int64_t max_prompt_tokens;

  absl::StatusOr<Prompt> Make(Problem problem, uint64_t id) const {
    auto encoded =
        problem.messages.empty()
            ? EncodePrompt(config, *tokenizer, problem.question)
            : EncodeConversation(config, *tokenizer, problem.messages);
    if (!encoded.ok()) {
      return Annotate(encoded.status(),
                      absl::StrCat("prompt ", problem.source));
    }
    const std::vector<int32_t>& tokens = encoded->tokens;
    if (tokens.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("prompt ", problem.source,
                       " is empty, and a model needs a token to go on from: "
                       "drop it, or give task.template some text"));
    }
    if (static_cast<int64_t>(tokens.size()) > max_prompt_tokens) {
      return absl::InvalidArgumentError(absl::StrCat(
          "prompt ", problem.source, " has ", tokens.size(),
          " tokens, but the context less rollout.max_new_tokens leaves ",
          max_prompt_tokens,
          ": drop it, shorten the template, lower rollout.max_new_tokens or "
          "take a model with a longer context"));
    }
    Prompt prompt;
    prompt.set_id(id);
    prompt.mutable_token_ids()->Add(tokens.begin(), tokens.end());
    prompt.set_source(std::move(problem.source));
    prompt.set_reference(std::move(problem.reference));
    prompt.set_question(std::move(problem.question));
    prompt.set_answer_prefix(std::move(encoded->answer_prefix));
    return prompt;
  }

  // A file's prompts, as held-out ones. The error of rows that do not fit names
  // the first and counts the others.
  absl::StatusOr<std::vector<Prompt>> MakeAll(
      std::vector<Problem> problems) const {
    std::vector<Prompt> prompts;
    std::vector<absl::Status> faults;
    for (Problem& problem : problems) {
      auto prompt = Make(std::move(problem), kFirstHeldOutId + prompts.size());
      if (prompt.ok()) {
        prompts.push_back(*std::move(prompt));
      } else {
        faults.push_back(prompt.status());
      }
    }
    if (faults.empty()) return prompts;
    const std::string others =
        faults.size() == 1
            ? ""
            : absl::StrCat(" (and ", faults.size() - 1, " other rows)");
    return absl::InvalidArgumentError(
        absl::StrCat(config.file(), ": ", faults.front().message(), others));
  }
};

// Positions of the first row of each problem, ordered by the problem's hash: a
// choice that neither the order of a file nor a run's seed decides.
std::vector<size_t> DistinctByHash(const std::vector<Problem>& problems) {
  std::map<std::string, size_t> first_rows;
  for (size_t i = 0; i < problems.size(); ++i) {
    first_rows.emplace(ProblemHash(problems[i].canonical), i);
  }
  std::vector<size_t> rows;
  for (const auto& [hash, row] : first_rows) rows.push_back(row);
  return rows;
}

// Subclasses say which problem number i is.
class ProblemSource : public PromptSource {
 public:
  explicit ProblemSource(PromptMaker maker) : maker_(std::move(maker)) {}

  absl::StatusOr<Prompt> Train(uint64_t index) const override {
    return maker_.Make(TrainProblem(index), index);
  }
  absl::StatusOr<std::vector<Prompt>> HeldOut(int64_t count) const override {
    std::vector<Prompt> prompts;
    for (Problem& problem : HeldOutProblems(count)) {
      R1_ASSIGN_OR_RETURN(
          Prompt prompt,
          maker_.Make(std::move(problem), kFirstHeldOutId + prompts.size()));
      prompts.push_back(std::move(prompt));
    }
    return prompts;
  }

 protected:
  virtual Problem TrainProblem(uint64_t index) const = 0;
  // At most `count`, all different.
  virtual std::vector<Problem> HeldOutProblems(int64_t count) const = 0;
  const TaskSection& config() const { return maker_.config; }

 private:
  PromptMaker maker_;
};

class GeneratedSource : public ProblemSource {
 public:
  GeneratedSource(PromptMaker maker, uint64_t seed)
      : ProblemSource(std::move(maker)), seed_(seed) {}

  std::string DataHash() const override {
    return Sha256Hex(config().SerializeAsString());
  }

 private:
  Problem TrainProblem(uint64_t index) const override {
    return ProblemAt(Split::kTrain, index);
  }

  // A generator of few problems repeats itself: it is asked a hundred times as
  // often as there are problems to find, and then has no more.
  std::vector<Problem> HeldOutProblems(int64_t count) const override {
    constexpr uint64_t kTriesPerProblem = 100;
    std::vector<Problem> problems;
    std::set<std::string> seen;
    const uint64_t tries = kTriesPerProblem * count;
    for (uint64_t i = 0;
         i < tries && static_cast<int64_t>(problems.size()) < count; ++i) {
      Problem problem = ProblemAt(Split::kHeldOut, i);
      if (seen.insert(problem.canonical).second) {
        problems.push_back(std::move(problem));
      }
    }
    return problems;
  }

  Problem ProblemAt(Split split, uint64_t index) const {
    const bool is_train = split == Split::kTrain;
    RandomSequence random =
        is_train ? RandomSequence(seed_, RandomStream::kData, index, 0)
                 : RandomSequence(kHeldOutSeed, RandomStream::kHeldOutData,
                                  index, 0);
    return GenerateProblem(
        config(), split, &random,
        absl::StrCat(absl::AsciiStrToLower(Task_Name(config().kind())),
                     is_train ? "-train-" : "-heldout-", index));
  }

  uint64_t seed_;
};

// A file's rows. Held out is what the rows say themselves (task.split_field),
// else one problem in ten; the rows of the others are visited in a new random
// order every epoch.
class FileSource : public ProblemSource {
 public:
  // At least two different problems.
  FileSource(PromptMaker maker, uint64_t seed, std::string hash,
             const std::vector<Problem>& problems)
      : ProblemSource(std::move(maker)), seed_(seed), hash_(std::move(hash)) {
    std::vector<Problem> held_out;
    for (const Problem& problem : problems) {
      const bool is_held_out = problem.split.has_value()
                                   ? *problem.split == Split::kHeldOut
                                   : IsHeldOut(problem.canonical);
      (is_held_out ? held_out : train_).push_back(problem);
    }
    // A tiny file may fall on one side: one problem then crosses over.
    if (held_out.empty()) MoveLast(&train_, &held_out);
    if (train_.empty()) MoveLast(&held_out, &train_);
    for (const size_t row : DistinctByHash(held_out)) {
      held_out_.push_back(held_out[row]);
    }
  }

  std::string DataHash() const override { return hash_; }

 private:
  Problem TrainProblem(uint64_t index) const override {
    return train_[Permute(index % train_.size(), index / train_.size())];
  }
  std::vector<Problem> HeldOutProblems(int64_t count) const override {
    const int64_t size = static_cast<int64_t>(held_out_.size());
    return {held_out_.begin(), held_out_.begin() + std::min(count, size)};
  }

  // Moves the rows of the last problem.
  static void MoveLast(std::vector<Problem>* from, std::vector<Problem>* to) {
    const std::string problem = from->back().canonical;
    const auto moved = std::stable_partition(
        from->begin(), from->end(),
        [&](const Problem& p) { return p.canonical != problem; });
    to->assign(moved, from->end());
    from->erase(moved, from->end());
  }

  // Position `row` of the epoch's random order: a keyed permutation of
  // [0, n) by a Feistel network on the next power of four, walking the cycle
  // until the value is below n. No shuffled list has to be stored or rebuilt.
  uint64_t Permute(uint64_t row, uint64_t epoch) const {
    const uint64_t n = train_.size();
    int half_bits = 1;
    while ((uint64_t{1} << (2 * half_bits)) < n) ++half_bits;
    const uint32_t mask = (1u << half_bits) - 1;
    do {
      uint32_t left = row >> half_bits, right = row & mask;
      for (uint32_t round = 0; round < 4; ++round) {
        const uint32_t f = RandomBits(seed_, RandomStream::kPromptOrder, epoch,
                                      round, right)[0];
        left = std::exchange(right, (left ^ f) & mask);
      }
      row = uint64_t{left} << half_bits | right;
    } while (row >= n);
    return row;
  }

  uint64_t seed_;
  std::string hash_;
  std::vector<Problem> train_;
  std::vector<Problem> held_out_;  // distinct, by hash
};

}  // namespace

absl::StatusOr<std::unique_ptr<PromptSource>> MakePromptSource(
    const TaskSection& config, uint64_t seed,
    std::shared_ptr<const Tokenizer> tokenizer, int64_t max_prompt_tokens) {
  PromptMaker maker{config, std::move(tokenizer), max_prompt_tokens};
  if (config.file().empty()) {
    R1_RETURN_IF_ERROR(CheckGenerator(config));
    return std::make_unique<GeneratedSource>(std::move(maker), seed);
  }
  R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(config.file()));
  R1_ASSIGN_OR_RETURN(const std::vector<Problem> problems,
                      ParseProblems(config, text, config.file()));
  if (DistinctByHash(problems).size() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(config.file(), ": ", problems.size(),
                     " rows, all of one problem; training and held-out "
                     "problems need at least two"));
  }
  // A row that does not fit is found now, not at the step that draws it.
  R1_RETURN_IF_ERROR(maker.MakeAll(problems).status());
  return std::make_unique<FileSource>(std::move(maker), seed, Sha256Hex(text),
                                      problems);
}

absl::StatusOr<FilePrompts> LoadPrompts(
    const TaskSection& config, std::shared_ptr<const Tokenizer> tokenizer,
    int64_t max_prompt_tokens, std::optional<int64_t> most) {
  const PromptMaker maker{config, std::move(tokenizer), max_prompt_tokens};
  R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(config.file()));
  R1_ASSIGN_OR_RETURN(std::vector<Problem> problems,
                      ParseProblems(config, text, config.file()));
  std::vector<size_t> rows = DistinctByHash(problems);
  FilePrompts loaded;
  loaded.num_rows = static_cast<int64_t>(problems.size());
  loaded.num_problems = static_cast<int64_t>(rows.size());
  if (most.has_value() && *most < loaded.num_problems) rows.resize(*most);
  std::sort(rows.begin(), rows.end());
  R1_ASSIGN_OR_RETURN(std::vector<Prompt> prompts,
                      maker.MakeAll(std::move(problems)));
  for (const size_t row : rows) {
    loaded.prompts.push_back(std::move(prompts[row]));
  }
  return loaded;
}

}  // namespace r1

#include "rollout/tasks/instruction.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "nlohmann/json.hpp"
#include "rollout/tasks/animals.h"

namespace r1 {
namespace {

using Words = std::vector<std::string>;

// The question is `before`, the words, `after`; "#" in it is the number.
struct InstructionText {
  InstructionKind kind;
  absl::string_view name;
  absl::string_view before;
  absl::string_view after;
};

constexpr InstructionText kInstructions[] = {
    {InstructionKind::kFirst, "first", "Say the first of ", "."},
    {InstructionKind::kSecond, "second", "Say the second of ", "."},
    {InstructionKind::kLast, "last", "Say the last of ", "."},
    {InstructionKind::kSome, "some", "Say any # of ", "."},
    {InstructionKind::kCount, "count", "Count the words ", "."},
    {InstructionKind::kTimes, "times", "Say ", " # times."},
    {InstructionKind::kBackwards, "backwards", "Say ", " backwards."},
    {InstructionKind::kSorted, "sorted", "Say ", " by the alphabet."},
    {InstructionKind::kCommas, "commas", "Say ", " with commas."},
    {InstructionKind::kBrackets, "brackets", "Say ", " in brackets."},
    {InstructionKind::kCapitals, "capitals", "Say ", " in capitals."},
};

constexpr int kMinRepeats = 2, kMaxRepeats = 3;

const InstructionText& TextOf(InstructionKind kind) {
  const auto* text = absl::c_find_if(
      kInstructions, [&](const auto& t) { return t.kind == kind; });
  R1_CHECK(text != std::end(kInstructions), "every kind has its text");
  return *text;
}

// The words to say, in their order and before their form.
Words RightWords(const InstructionProblem& problem) {
  Words words = problem.words;
  switch (problem.kind) {
    case InstructionKind::kFirst:
      return {words[0]};
    case InstructionKind::kSecond:
      return {words[1]};
    case InstructionKind::kLast:
      return {words.back()};
    case InstructionKind::kSome:
      words.resize(problem.number);
      return words;
    case InstructionKind::kCount:
      return {absl::StrCat(words.size())};
    case InstructionKind::kTimes:
      for (int i = 1; i < problem.number; ++i) {
        words.insert(words.end(), problem.words.begin(), problem.words.end());
      }
      return words;
    case InstructionKind::kBackwards:
      absl::c_reverse(words);
      return words;
    case InstructionKind::kSorted:
      absl::c_sort(words);
      return words;
    default:
      return words;
  }
}

// A problem that its plain words do not solve already.
InstructionProblem DrawInstruction(const InstructionOptions& options,
                                   InstructionKind kind,
                                   RandomSequence* random) {
  InstructionProblem problem;
  problem.kind = kind;
  const int count =
      options.min_words +
      random->NextBelow(options.max_words - options.min_words + 1);
  do {
    problem.words = DrawAnimals(count, random);
  } while (kind == InstructionKind::kSorted &&
           absl::c_is_sorted(problem.words));
  if (kind == InstructionKind::kSome) {
    problem.number = 1 + random->NextBelow(count - 1);
  } else if (kind == InstructionKind::kTimes) {
    problem.number =
        kMinRepeats + random->NextBelow(kMaxRepeats - kMinRepeats + 1);
  }
  return problem;
}

}  // namespace

absl::Span<const InstructionKind> InstructionKinds() {
  static const auto& kinds = *new std::vector<InstructionKind>([] {
    std::vector<InstructionKind> all;
    for (const InstructionText& text : kInstructions) all.push_back(text.kind);
    return all;
  }());
  return kinds;
}

absl::string_view InstructionKindName(InstructionKind kind) {
  return TextOf(kind).name;
}

absl::StatusOr<InstructionKind> InstructionKindOf(absl::string_view name) {
  for (const InstructionText& text : kInstructions) {
    if (text.name == name) return text.kind;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "instructions: expected a kind of ",
      absl::StrJoin(kInstructions, ", ",
                    [](std::string* out, const InstructionText& text) {
                      absl::StrAppend(out, text.name);
                    }),
      ", got \"", name, "\""));
}

std::string InstructionProblem::Question() const {
  const InstructionText& text = TextOf(kind);
  std::string question =
      absl::StrCat(text.before, absl::StrJoin(words, " "), text.after);
  const size_t mark = question.find('#');
  if (mark != std::string::npos) {
    question.replace(mark, 1, absl::StrCat(number));
  }
  return question;
}

std::string InstructionProblem::Reference() const {
  nlohmann::json constraints = {
      {"case", kind == InstructionKind::kCapitals ? "upper" : "lower"},
      {"form", kind == InstructionKind::kCommas     ? "commas"
               : kind == InstructionKind::kBrackets ? "brackets"
                                                    : "plain"}};
  if (kind == InstructionKind::kSome) {
    constraints["of"] = words;
    constraints["count"] = number;
  } else if (kind == InstructionKind::kSorted) {
    constraints["of"] = words;
    constraints["count"] = words.size();
    constraints["order"] = "alphabet";
  } else {
    constraints["words"] = RightWords(*this);
  }
  return nlohmann::json({{"constraints", constraints}}).dump();
}

std::string InstructionProblem::Canonical() const {
  return absl::StrCat("instruction ", Question());
}

std::string InstructionProblem::Right() const {
  const Words said = RightWords(*this);
  if (kind == InstructionKind::kCommas) return absl::StrJoin(said, ", ");
  std::string answer = absl::StrJoin(said, " ");
  if (kind == InstructionKind::kBrackets) return absl::StrCat("(", answer, ")");
  if (kind == InstructionKind::kCapitals) absl::AsciiStrToUpper(&answer);
  return answer;
}

std::vector<std::string> InstructionProblem::Wrong() const {
  const std::string right = Right();
  std::vector<std::string> answers = {absl::StrJoin(words, " ")};
  for (const InstructionText& text : kInstructions) {
    InstructionProblem other = *this;
    other.kind = text.kind;
    if (text.kind == InstructionKind::kSome) continue;
    if (text.kind == InstructionKind::kTimes && number < kMinRepeats) {
      other.number = kMinRepeats;
    }
    const Words said = RightWords(other);
    // Any word will do where one of them is asked for.
    const bool may_be_right = kind == InstructionKind::kSome &&
                              static_cast<int>(said.size()) == number;
    const std::string answer = other.Right();
    if (may_be_right || answer == right) continue;
    if (!absl::c_linear_search(answers, answer)) answers.push_back(answer);
  }
  return answers;
}

InstructionProblem MakeInstructionProblem(const InstructionOptions& options,
                                          Split split, RandomSequence* random) {
  // Once, or kinds with more problems in the split would crowd out the others.
  const InstructionKind kind =
      options.kinds[random->NextBelow(options.kinds.size())];
  for (;;) {
    InstructionProblem problem = DrawInstruction(options, kind, random);
    if (IsOf(split, problem.Canonical())) {
      return problem;
    }
  }
}

absl::Status CheckInstructions(const InstructionOptions& options) {
  constexpr int kMinWords = 2, kMaxWords = 4;
  if (options.kinds.empty()) {
    return absl::InvalidArgumentError(
        "instructions: kinds: expected one at least, got none");
  }
  if (options.min_words < kMinWords || options.max_words > kMaxWords ||
      options.min_words > options.max_words) {
    return absl::InvalidArgumentError(absl::StrCat(
        "instructions: expected ", kMinWords, " <= min_words <= max_words <= ",
        kMaxWords, ", got ", options.min_words, " and ", options.max_words));
  }
  return absl::OkStatus();
}

}  // namespace r1

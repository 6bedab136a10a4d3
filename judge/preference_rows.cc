#include "judge/preference_rows.h"

#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/philox.h"
#include "base/status_macros.h"
#include "model/strict_json.h"
#include "rollout/tasks/row_file.h"
#include "rollout/tasks/split.h"

namespace r1 {
namespace {

using nlohmann::json;

enum class RowForm { kPair, kLabel };

constexpr const char* kForms =
    "{\"prompt\", \"chosen\", \"rejected\"} or {\"prompt\", \"completion\", "
    "\"safe\"}";

absl::StatusOr<std::string> TextOf(const json& row, const char* field) {
  const auto it = row.find(field);
  if (it == row.end()) {
    std::vector<std::string> names;
    for (const auto& [name, value] : row.items()) names.push_back(name);
    return absl::InvalidArgumentError(absl::StrCat(
        "no field \"", field, "\", only: ", absl::StrJoin(names, ", "),
        "; expected ", kForms));
  }
  if (it->is_string()) return it->get<std::string>();
  return absl::InvalidArgumentError(absl::StrCat(
      "field \"", field, "\": expected a text, got ", DescribeJson(*it)));
}

absl::StatusOr<std::string> CompletionOf(const json& row, const char* field) {
  R1_ASSIGN_OR_RETURN(std::string text, TextOf(row, field));
  if (!absl::StripAsciiWhitespace(text).empty()) return text;
  return absl::InvalidArgumentError(
      absl::StrCat("field \"", field, "\" is empty: drop the row"));
}

absl::StatusOr<bool> IsSafe(const json& row) {
  const auto it = row.find("safe");
  if (it == row.end()) return TextOf(row, "safe").status();
  if (it->is_boolean()) return it->get<bool>();
  if (*it == 0 || *it == 1) return *it == 1;
  return absl::InvalidArgumentError(absl::StrCat(
      "field \"safe\": expected true or false, got ", DescribeJson(*it)));
}

absl::StatusOr<RowForm> FormOf(const json& row) {
  const bool is_pair = row.contains("chosen") || row.contains("rejected");
  const bool is_label = row.contains("completion") || row.contains("safe");
  if (is_pair && is_label) {
    return absl::InvalidArgumentError(
        absl::StrCat("has fields of both forms; expected ", kForms));
  }
  return is_label ? RowForm::kLabel : RowForm::kPair;
}

absl::Status Equal(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      what, " are equal, so that there is nothing to learn: ", "drop the row"));
}

absl::StatusOr<PreferenceRow> ParsePair(const json& row) {
  PreferenceRow parsed;
  R1_ASSIGN_OR_RETURN(parsed.prompt, TextOf(row, "prompt"));
  R1_ASSIGN_OR_RETURN(parsed.better, CompletionOf(row, "chosen"));
  R1_ASSIGN_OR_RETURN(parsed.worse, CompletionOf(row, "rejected"));
  if (absl::StripAsciiWhitespace(parsed.better) ==
      absl::StripAsciiWhitespace(parsed.worse)) {
    return Equal("\"chosen\" and \"rejected\"");
  }
  return parsed;
}

absl::StatusOr<PreferenceRow> ParseLabel(const json& row) {
  PreferenceRow parsed;
  R1_ASSIGN_OR_RETURN(parsed.prompt, TextOf(row, "prompt"));
  R1_ASSIGN_OR_RETURN(std::string text, CompletionOf(row, "completion"));
  R1_ASSIGN_OR_RETURN(const bool is_safe, IsSafe(row));
  (is_safe ? parsed.better : parsed.worse) = std::move(text);
  return parsed;
}

// The tokens of a row's text; none for the text that a label does not have.
absl::StatusOr<std::vector<int32_t>> EncodeText(const std::string& prompt,
                                                const std::string& completion,
                                                JudgedPart part,
                                                const Tokenizer& tokenizer,
                                                const ModelConfig& config) {
  if (completion.empty()) return std::vector<int32_t>();
  const auto text = PartOf(completion, part);
  if (!text.has_value()) {
    return absl::InvalidArgumentError(
        "there is no answer after the reasoning: drop the row, or judge the "
        "whole completion");
  }
  auto tokens = EncodeJudged(tokenizer, config, prompt, *text);
  if (tokens.ok()) return tokens;
  return absl::InvalidArgumentError(
      absl::StrCat(tokens.status().message(), ": shorten or drop the row"));
}

absl::StatusOr<Preference> Encode(const PreferenceRow& row, JudgedPart part,
                                  const Tokenizer& tokenizer,
                                  const ModelConfig& config) {
  Preference example;
  R1_ASSIGN_OR_RETURN(example.better, EncodeText(row.prompt, row.better, part,
                                                 tokenizer, config));
  R1_ASSIGN_OR_RETURN(example.worse, EncodeText(row.prompt, row.worse, part,
                                                tokenizer, config));
  if (example.better == example.worse) {
    return Equal("the answers of \"chosen\" and \"rejected\"");
  }
  return example;
}

// Fisher-Yates, one epoch's order kept at a time.
class Shuffled {
 public:
  Shuffled(std::vector<Preference> examples, uint64_t seed)
      : examples_(std::move(examples)), seed_(seed) {}

  const Preference& At(uint64_t index) {
    const uint64_t epoch = index / examples_.size();
    if (epoch_ != epoch) {
      epoch_ = epoch;
      order_.resize(examples_.size());
      std::iota(order_.begin(), order_.end(), 0);
      RandomSequence random(seed_, RandomStream::kPreferenceOrder, epoch, 0);
      for (size_t i = order_.size() - 1; i > 0; --i) {
        std::swap(order_[i], order_[random.NextBelow(i + 1)]);
      }
    }
    return examples_[order_[index % examples_.size()]];
  }

 private:
  std::vector<Preference> examples_;
  uint64_t seed_;
  std::optional<uint64_t> epoch_;
  std::vector<uint32_t> order_;
};

}  // namespace

absl::StatusOr<std::vector<PreferenceRow>> ParsePreferenceRows(
    absl::string_view text, absl::string_view name) {
  std::vector<PreferenceRow> rows;
  std::optional<RowForm> first_form;
  R1_RETURN_IF_ERROR(ForEachJsonLine(
      text, name,
      [&](int line, absl::string_view, const json& row) -> absl::Status {
        R1_ASSIGN_OR_RETURN(const RowForm form, FormOf(row));
        auto parsed = form == RowForm::kPair ? ParsePair(row) : ParseLabel(row);
        if (!parsed.ok()) return parsed.status();
        if (first_form.value_or(form) != form) {
          return absl::InvalidArgumentError(absl::StrCat(
              form == RowForm::kPair ? "a pair" : "a labelled text",
              " among rows of the other form; expected one form a file: ",
              kForms));
        }
        first_form = form;
        parsed->line = line;
        rows.push_back(*std::move(parsed));
        return absl::OkStatus();
      }));
  if (rows.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": no rows; expected one JSON object a line: ", kForms));
  }
  return rows;
}

absl::StatusOr<std::vector<Preference>> EncodePreferences(
    const std::vector<PreferenceRow>& rows, absl::string_view name,
    JudgedPart part, const Tokenizer& tokenizer, const ModelConfig& config) {
  std::vector<Preference> examples;
  for (const PreferenceRow& row : rows) {
    auto example = Encode(row, part, tokenizer, config);
    if (!example.ok()) {
      return Annotate(example.status(), absl::StrCat(name, ":", row.line));
    }
    examples.push_back(*std::move(example));
  }
  return examples;
}

absl::StatusOr<SplitRows> SplitByPrompt(std::vector<PreferenceRow> rows,
                                        absl::string_view name) {
  SplitRows split;
  for (PreferenceRow& row : rows) {
    const bool is_held_out = IsHeldOut(
        row.prompt.empty() ? absl::StrCat(row.better, row.worse) : row.prompt);
    (is_held_out ? split.held_out : split.train).push_back(std::move(row));
  }
  if (!split.train.empty()) return split;
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": all ", split.held_out.size(), " rows are held out, as one ",
      "prompt in ten is: add rows with other prompts"));
}

PreferenceSource ShuffledPreferences(std::vector<Preference> examples,
                                     uint64_t seed) {
  const auto shuffled = std::make_shared<Shuffled>(std::move(examples), seed);
  return [shuffled](uint64_t index) -> absl::StatusOr<Preference> {
    return shuffled->At(index);
  };
}

}  // namespace r1

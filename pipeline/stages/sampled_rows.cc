#include "pipeline/stages/sampled_rows.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string SampledRowLine(const SampledRow& row) {
  Json json;
  json["prompt"] = row.prompt;
  json["completion"] = row.completion;
  json["stage"] = row.stage;
  json["task"] = row.task;
  json["source"] = row.source;
  json["reference"] = row.reference;
  json["scores"] = row.scores;
  json["prompt_tokens"] = row.prompt_tokens;
  json["completion_tokens"] = row.completion_tokens;
  json["tokenizer_sha256"] = row.tokenizer_sha256;
  return absl::StrCat(json.dump(-1, ' ', false, Json::error_handler_t::replace),
                      "\n");
}

absl::StatusOr<std::vector<SampledRow>> ParseSampledRows(
    absl::string_view text, absl::string_view name) {
  std::vector<SampledRow> rows;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const Json json = Json::parse(line.begin(), line.end(), /*cb=*/nullptr,
                                  /*allow_exceptions=*/false);
    try {
      SampledRow row;
      json.at("prompt").get_to(row.prompt);
      json.at("completion").get_to(row.completion);
      json.at("stage").get_to(row.stage);
      json.at("task").get_to(row.task);
      json.at("source").get_to(row.source);
      json.at("reference").get_to(row.reference);
      json.at("scores").get_to(row.scores);
      json.at("prompt_tokens").get_to(row.prompt_tokens);
      json.at("completion_tokens").get_to(row.completion_tokens);
      json.at("tokenizer_sha256").get_to(row.tokenizer_sha256);
      rows.push_back(std::move(row));
    } catch (const Json::exception& e) {
      return absl::DataLossError(absl::StrCat(
          name, ":", rows.size() + 1, ": is no row that this program wrote (",
          e.what(), "): --redo the stage"));
    }
  }
  return rows;
}

}  // namespace r1

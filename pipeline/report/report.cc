#include "pipeline/report/report.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "pipeline/folder/model_path.h"
#include "pipeline/folder/run_folder.h"
#include "pipeline/report/content_policy.h"
#include "pipeline/report/report_assets.h"
#include "pipeline/report/report_data.h"
#include "pipeline/screen/escape.h"
#include "pipeline/stages/base_model.h"
#include "pipeline/store/run_reader.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// A file's text for the page; empty if there is none.
std::string TextOf(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  return text.ok() ? *std::move(text) : "";
}

// The tokenizer of the newest checkpoint; null while there is none.
std::shared_ptr<const Tokenizer> FindTokenizer(const std::string& run_dir) {
  const absl::StatusOr<std::string> path = ResolveModelPath(run_dir);
  if (!path.ok()) return nullptr;
  absl::StatusOr<std::shared_ptr<const Tokenizer>> tokenizer =
      LoadTokenizer(*path);
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

// "pretrain → rl"
std::string StageChain(const Recipe& recipe) {
  std::vector<std::string> names;
  for (const StageConfig& stage : ResolveStages(recipe)) {
    names.push_back(stage.name());
  }
  return absl::StrJoin(names, " → ");
}

}  // namespace

absl::Status WriteReport(const std::string& run_dir,
                         const std::string& summary) {
  R1_ASSIGN_OR_RETURN(const RunReader reader, RunReader::Open(run_dir));
  const std::shared_ptr<const Tokenizer> tokenizer = FindTokenizer(run_dir);
  R1_ASSIGN_OR_RETURN(const std::string data,
                      MakeReportData(reader, tokenizer.get(), summary));
  R1_ASSIGN_OR_RETURN(const Recipe recipe, ReadRecipe(run_dir));
  const std::string subtitle =
      absl::StrCat(StageChain(recipe), ", seed ", recipe.seed());
  // One pass: what is put in is not searched for further marks.
  const std::string page = absl::StrReplaceAll(
      kPageHtml,
      {{"{{CSP}}", ContentSecurityPolicy(kPageCss, kPageJs)},
       {"{{TITLE}}", HtmlText(absl::StrCat("r1 run ", run_dir))},
       {"{{SUBTITLE}}", HtmlText(subtitle)},
       {"{{CSS}}", kPageCss},
       {"{{JS}}", kPageJs},
       {"{{CONFIG}}",
        HtmlText(TextOf(absl::StrCat(run_dir, "/config.textproto")))},
       {"{{MANIFEST}}",
        HtmlText(TextOf(absl::StrCat(run_dir, "/manifest.json")))},
       {"{{DATA}}", JsonForScript(data)}});
  return WriteFileAtomic(absl::StrCat(run_dir, "/report.html"), page);
}

}  // namespace r1

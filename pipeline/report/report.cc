#include "pipeline/report/report.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "pipeline/folder/run_folder.h"
#include "pipeline/report/content_policy.h"
#include "pipeline/report/report_assets.h"
#include "pipeline/report/report_data.h"
#include "pipeline/screen/escape.h"
#include "pipeline/store/run_reader.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// A file's text for the page; empty if there is none.
std::string TextOf(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  return text.ok() ? *std::move(text) : "";
}

// "pretrain → rl, seed 1"; "13 stages, seed 1" where the page draws them.
std::string Subtitle(const Recipe& recipe,
                     const std::vector<StageConfig>& stages) {
  std::vector<std::string> names;
  for (const StageConfig& stage : stages) names.push_back(stage.name());
  return absl::StrCat(stages.size() < 3
                          ? absl::StrJoin(names, " → ")
                          : absl::StrCat(stages.size(), " stages"),
                      ", seed ", recipe.seed());
}

}  // namespace

absl::Status WriteReport(const std::string& run_dir,
                         const std::string& summary) {
  // First: a folder that is no run says so.
  R1_RETURN_IF_ERROR(RunReader::Open(run_dir).status());
  R1_ASSIGN_OR_RETURN(const Recipe recipe, ReadRecipe(run_dir));
  const std::vector<StageConfig> stages = ResolveStages(recipe);
  R1_ASSIGN_OR_RETURN(const std::string data,
                      MakeReportData(run_dir, stages, summary));
  // One pass: what is put in is not searched for further marks.
  const std::string page = absl::StrReplaceAll(
      kPageHtml,
      {{"{{CSP}}", ContentSecurityPolicy(kPageCss, kPageJs)},
       {"{{TITLE}}", HtmlText(absl::StrCat("r1 run ", run_dir))},
       {"{{SUBTITLE}}", HtmlText(Subtitle(recipe, stages))},
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

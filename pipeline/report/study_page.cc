#include "pipeline/report/study_page.h"

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/file.h"
#include "pipeline/report/content_policy.h"
#include "pipeline/report/report_assets.h"
#include "pipeline/screen/escape.h"
#include "pipeline/screen/progress.h"

namespace r1 {
namespace {

// Cells and rows of HTML; what they are given as text is HTML already.
std::string Head(absl::string_view html) {
  return absl::StrCat("<th scope=\"col\">", html, "</th>");
}
std::string RowHead(absl::string_view html) {
  return absl::StrCat("<th scope=\"row\">", html, "</th>");
}
std::string Cell(absl::string_view html) {
  return absl::StrCat("<td>", html, "</td>");
}

// A table that scrolls by itself where it is wider than the page.
std::string ScrolledTable(const std::vector<std::string>& head,
                          const std::vector<std::string>& rows,
                          absl::string_view caption = "") {
  std::string html = "<div class=\"scroll\" tabindex=\"0\"><table>";
  if (!caption.empty())
    absl::StrAppend(&html, "<caption>", caption, "</caption>");
  absl::StrAppend(&html, "<thead><tr>");
  for (const std::string& cell : head) absl::StrAppend(&html, Head(cell));
  absl::StrAppend(&html, "</tr></thead><tbody>\n");
  for (const std::string& row : rows) {
    absl::StrAppend(&html, "<tr>", row, "</tr>\n");
  }
  return absl::StrCat(html, "</tbody></table></div>\n");
}

// What the mean is of: "seed 1: 34.1 %", one line each.
std::string SeedsOfCell(const StudyTable& table, size_t column,
                        const std::vector<double>& values) {
  std::vector<std::string> lines;
  for (size_t s = 0; s < values.size(); ++s) {
    lines.push_back(
        absl::StrCat("seed ", table.seeds[s], ": ",
                     FormatTableValue(table.columns[column], values[s])));
  }
  return absl::StrJoin(lines, "\n");
}

// The mean first, its spread beside it.
std::string MeanAndSpread(const std::string& text) {
  const size_t end = text.find(' ');
  if (end == std::string::npos) return HtmlText(text);
  return absl::StrCat(HtmlText(text.substr(0, end)), "<span>",
                      HtmlText(text.substr(end)), "</span>");
}

std::string MeansTable(const StudyTable& table) {
  std::vector<std::string> head = {"stage"}, rows;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    head.push_back(HtmlText(ColumnHead(table, c)));
  }
  for (const StudyTable::Row& row : table.rows) {
    std::string cells = RowHead(HtmlText(row.stage));
    for (size_t c = 0; c < table.columns.size(); ++c) {
      absl::StrAppend(&cells, "<td title=\"",
                      HtmlText(SeedsOfCell(table, c, row.values[c])), "\">",
                      MeanAndSpread(FormatSpread(
                          table.columns[c], SpreadOf(row.values[c]), table.n)),
                      "</td>");
    }
    rows.push_back(cells);
  }
  return ScrolledTable(
      head, rows,
      table.n > 1 ? absl::StrCat("Mean ± sample standard deviation of ",
                                 table.n, " seeds")
                  : "One seed");
}

std::string ValuesTable(const StudyTable& table) {
  std::vector<std::string> head = {"stage", "seed"}, rows;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    head.push_back(HtmlText(ColumnHead(table, c)));
  }
  for (const StudyTable::Row& row : table.rows) {
    for (size_t s = 0; s < table.seeds.size(); ++s) {
      std::string cells = absl::StrCat(RowHead(HtmlText(row.stage)),
                                       Cell(absl::StrCat(table.seeds[s])));
      for (size_t c = 0; c < table.columns.size(); ++c) {
        absl::StrAppend(&cells, Cell(HtmlText(FormatTableValue(
                                    table.columns[c], row.values[c][s]))));
      }
      rows.push_back(cells);
    }
  }
  return ScrolledTable(head, rows);
}

std::string Tables(const Study& study) {
  std::string html;
  for (const StudyTable& table : study.tables) {
    absl::StrAppend(&html, "<h3>", HtmlText(table.stage), "</h3>\n");
    if (table.rows.empty()) {
      absl::StrAppend(&html, "<p class=\"note\">No seed has got there.</p>\n");
      continue;
    }
    absl::StrAppend(&html, MeansTable(table));
    if (table.seeds.size() > 1) {
      absl::StrAppend(&html,
                      "<details><summary>Values of each seed</summary>\n",
                      ValuesTable(table), "</details>\n");
    }
  }
  return html;
}

std::string Span(double seconds) {
  return seconds > 0 ? FormatSpan(absl::Seconds(seconds)) : "-";
}

std::string Runs(const Study& study) {
  std::vector<std::string> rows;
  for (const StudyRun& run : study.runs) {
    const std::string report = absl::StrCat("seed-", run.seed, "/report.html");
    rows.push_back(absl::StrCat(
        RowHead(absl::StrCat(run.seed)),
        Cell(run.is_done            ? "done"
             : !run.failure.empty() ? "failed"
             : run.has_begun        ? "begun"
                                    : "to do"),
        Cell(Span(run.wall_seconds)),
        Cell(absl::StrCat("<code>", HtmlText(run.build_id.substr(0, 12)),
                          "</code>")),
        Cell(FileExists(absl::StrCat(study.dir, "/", report))
                 ? absl::StrCat("<a href=\"", report, "\">report</a>")
                 : "-")));
  }
  return ScrolledTable({"seed", "state", "time", "build", "page"}, rows);
}

std::vector<std::string> SeedHead(const Study& study) {
  std::vector<std::string> head = {"stage"};
  for (const StudyRun& run : study.runs) {
    head.push_back(absl::StrCat("seed ", run.seed));
  }
  return head;
}

std::string Times(const Study& study) {
  std::vector<std::string> head = SeedHead(study), rows;
  head.insert(head.begin() + 1, "mean");
  for (size_t i = 0; i < study.runs[0].stages.size(); ++i) {
    std::string cells;
    std::vector<double> done;
    for (const StudyRun& run : study.runs) {
      const StudyRun::Stage& stage = run.stages[i];
      if (!stage.output_sha256.empty()) done.push_back(stage.seconds);
      absl::StrAppend(&cells, Cell(Span(stage.seconds)));
    }
    rows.push_back(absl::StrCat(RowHead(HtmlText(study.runs[0].stages[i].name)),
                                Cell(Span(SpreadOf(done).mean)), cells));
  }
  return ScrolledTable(head, rows);
}

std::string Hashes(const Study& study) {
  std::vector<std::string> rows;
  for (size_t i = 0; i < study.runs[0].stages.size(); ++i) {
    std::string cells = RowHead(HtmlText(study.runs[0].stages[i].name));
    for (const StudyRun& run : study.runs) {
      const std::string hash = HtmlText(run.stages[i].output_sha256);
      absl::StrAppend(&cells, "<td title=\"", hash, "\"><code>",
                      hash.empty() ? "-" : hash.substr(0, 12), "</code></td>");
    }
    rows.push_back(cells);
  }
  return ScrolledTable(SeedHead(study), rows);
}

// What a reader must know before the numbers.
std::string Notes(const Study& study) {
  std::string html;
  const auto add = [&](const std::string& text) {
    absl::StrAppend(&html, "<p class=\"notice\">", HtmlText(text), "</p>\n");
  };
  const std::string missing = DescribeMissing(study);
  if (!missing.empty()) {
    add(absl::StrCat("Not whole: ", missing, ". The same command goes on."));
  }
  std::set<std::string> builds;
  for (const StudyRun& run : study.runs) {
    if (!run.build_id.empty()) builds.insert(run.build_id);
  }
  if (builds.size() > 1) {
    add("The seeds were run by different builds of r1; their results may "
        "differ for that alone.");
  }
  return html;
}

// "base → zero → table; seeds 1, 2, 3"
std::string Subtitle(const Study& study) {
  std::vector<std::string> stages, seeds;
  for (const StudyRun::Stage& stage : study.runs[0].stages) {
    stages.push_back(stage.name);
  }
  for (const StudyRun& run : study.runs) {
    seeds.push_back(absl::StrCat(run.seed));
  }
  return absl::StrCat(absl::StrJoin(stages, " → "),
                      seeds.size() == 1 ? "; seed " : "; seeds ",
                      absl::StrJoin(seeds, ", "));
}

}  // namespace

std::string StudyPage(const Study& study) {
  // One pass: what is put in is not searched for further marks.
  return absl::StrReplaceAll(
      kStudyHtml,
      {{"{{CSP}}", ContentSecurityPolicy(kStudyCss, /*script=*/"")},
       {"{{TITLE}}", HtmlText(absl::StrCat("r1 study ", study.dir))},
       {"{{SUBTITLE}}", HtmlText(Subtitle(study))},
       {"{{CSS}}", kStudyCss},
       {"{{NOTES}}", Notes(study)},
       {"{{TABLES}}", Tables(study)},
       {"{{RUNS}}", Runs(study)},
       {"{{TIMES}}", Times(study)},
       {"{{HASHES}}", Hashes(study)},
       {"{{RECIPE_SHA256}}", RecipeSha256(study.recipe)},
       {"{{RECIPE}}", HtmlText(RecipeText(study.recipe))}});
}

}  // namespace r1

// r1 report: the page that shows a run.
#include "pipeline/report/report.h"

#include <cstdio>
#include <memory>

#include "base/file.h"
#include "base/status_macros.h"
#include "pipeline/commands/command.h"

namespace r1 {

CommandBody AddReport(CLI::App* app) {
  auto run = std::make_shared<std::string>();
  CLI::App* command = app->add_subcommand(
      "report", "Write RUN/report.html: curves and samples in one file");
  command->add_option("RUN", *run, "Folder of the run")
      ->required()
      ->type_name("DIR");
  command->footer(
      "Examples:\n"
      "  r1 report runs/smoke\n"
      "\nA run writes it at its end; this writes it at any time, also while "
      "the run\nis going on. The file needs no network.");
  return [run]() -> absl::Status {
    std::string summary;
    const std::string path = *run + "/summary.json";
    if (FileExists(path)) {
      R1_ASSIGN_OR_RETURN(summary, ReadFile(path));
    }
    R1_RETURN_IF_ERROR(WriteReport(*run, summary));
    std::printf("%s/report.html\n", run->c_str());
    return absl::OkStatus();
  };
}

}  // namespace r1

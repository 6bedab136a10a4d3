#include "pipeline/commands/command_line.h"

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/nearest_name.h"
#include "pipeline/commands/command.h"
#include "pipeline/process/build_id.h"
#include "pipeline/process/exit_code.h"
#include "pipeline/screen/escape.h"

namespace r1 {
namespace {

constexpr char kDescription[] =
    "r1 takes a base language model to a reasoning model by reinforcement "
    "learning.";

constexpr char kExamples[] =
    "Examples:\n"
    "  r1 quickstart                          a small model, in minutes\n"
    "  r1 train configs/smoke.textproto --run-dir runs/smoke\n"
    "  r1 COMMAND --help                      options and examples\n"
    "\nExit codes:\n"
    "  0    done\n"
    "  1    failed; the same command would fail again\n"
    "  2    wrong usage\n"
    "  75   not done, the same command goes on: stopped by Ctrl-C or SIGTERM,\n"
    "       or something was out of reach, late or held by another process";

void PrintError(absl::string_view message) {
  for (absl::string_view line :
       absl::StrSplit(message, '\n', absl::SkipWhitespace())) {
    std::fprintf(stderr, "r1: %s\n", VisibleLine(line).c_str());
  }
}

// Breaks descriptions between words, so that help fits 80 columns; CLI11 only
// indents the lines it is given.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kLeft); }
  std::string make_option_desc(const CLI::Option* option) const override {
    return Wrap(option->get_description());
  }

 private:
  static constexpr size_t kLeft = 28, kRight = 80 - kLeft;

  static std::string Wrap(const std::string& text) {
    std::string wrapped;
    size_t column = 0;
    for (absl::string_view word : absl::StrSplit(text, ' ')) {
      const bool fits = column + 1 + word.size() <= kRight;
      if (column > 0) wrapped += fits ? ' ' : '\n';
      column = column > 0 && fits ? column + 1 + word.size() : word.size();
      absl::StrAppend(&wrapped, word);
    }
    return wrapped;
  }
};

struct Commands {
  CLI::App app{kDescription, "r1"};
  std::vector<std::pair<CLI::App*, CommandBody>> bodies;

  Commands() {
    app.formatter(std::make_shared<HelpFormatter>());  // subcommands inherit it
    app.set_version_flag(
        "--version", [] { return VersionText(); },
        "Print version and build id, then exit");
    app.footer(kExamples);
    for (const auto add :
         {AddQuickstart, AddTrain, AddStudy, AddWorker, AddRank, AddReward,
          AddRewardServer, AddEval, AddGenerate, AddMetrics, AddSamples,
          AddReport, AddHash, AddDevices, AddSandbox, AddTest}) {
      CommandBody body = add(&app);
      bodies.emplace_back(app.get_subcommands({}).back(), std::move(body));
    }
  }

  static std::string VersionText() {
    return absl::StrCat("r1 ", ProgramVersion(), " build ",
                        BuildId().value_or("unknown").substr(0, 16));
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [command, body] : bodies) {
      names.push_back(command->get_name());
    }
    return names;
  }
};

// "r1 train --help" for the command whose arguments were wrong.
std::string HelpHint(const Commands& commands) {
  for (const auto& [command, body] : commands.bodies) {
    if (command->parsed()) {
      return absl::StrCat("see `r1 ", command->get_name(), " --help`");
    }
  }
  return "see `r1 --help`";
}

int UsageError(const Commands& commands, std::string message) {
  // CLI11 breaks some messages into several lines.
  absl::StripAsciiWhitespace(&message);
  message = absl::StrReplaceAll(message, {{"\n", "; "}});
  PrintError(absl::StrCat(message, ": ", HelpHint(commands)));
  return kExitUsage;
}

// An unknown first word, named with its nearest relatives; CLI11 would only
// say that it did not expect it.
bool IsUnknownCommand(const Commands& commands, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return false;
  for (const auto& [command, body] : commands.bodies) {
    if (command->get_name() == argv[1]) return false;
  }
  PrintError(absl::StrCat("there is no command \"", argv[1], "\"",
                          DidYouMean(NearestNames(argv[1], commands.Names())),
                          ": see `r1 --help`"));
  return true;
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  Commands commands;
  if (argc < 2) {
    std::fputs(commands.app.help().c_str(), stdout);
    return kExitUsage;
  }
  if (IsUnknownCommand(commands, argc, argv)) return kExitUsage;
  try {
    commands.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      return commands.app.exit(error) == 0 ? kExitOk : kExitUsage;
    }
    return UsageError(commands, error.what());
  }
  for (const auto& [command, body] : commands.bodies) {
    if (!command->parsed()) continue;
    const absl::Status status = body();
    if (status.ok()) return kExitOk;
    PrintError(status.message());
    return ExitCodeOf(status);
  }
  return UsageError(commands, "no command was given");
}

}  // namespace r1

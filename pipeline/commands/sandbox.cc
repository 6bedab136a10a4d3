// r1 sandbox: runs one program nobody trusts, or says what holds it.
#include "reward/sandbox/sandbox.h"

#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pipeline/commands/command.h"
#include "reward/code/code_verifier.h"
#include "reward/sandbox/preflight.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

struct SandboxArgs {
  CLI::App* run = nullptr;
  CLI::App* check = nullptr;
  std::string lang;
  std::string file;
  std::string input;
  std::string level = "isolated";
  RunLimits limits;
};

std::string Dump(const Json& json) {
  // Captured bytes that are not UTF-8 become U+FFFD.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

Json Report(const RunResult& result) {
  return {{"verdict", VerdictName(result.verdict)},
          {"exit_code", result.exit_code},
          {"signal", result.signal},
          {"cpu_ms", result.cpu_us / 1000.0},
          {"wall_ms", result.wall_us / 1000.0},
          {"peak_mb", result.peak_bytes / 1048576.0},
          {"stdout", result.standard_output},
          {"stderr", result.standard_error},
          {"detail", result.detail}};
}

absl::Status RunProgram(const SandboxArgs& args) {
  R1_ASSIGN_OR_RETURN(const ProgramLanguage language, ParseLanguage(args.lang));
  R1_ASSIGN_OR_RETURN(const std::string source, ReadFile(args.file));
  std::string input;
  if (!args.input.empty()) {
    R1_ASSIGN_OR_RETURN(input, ReadFile(args.input));
  }
  CodeHost host;
  host.slots = 2;  // as few as there are
  R1_ASSIGN_OR_RETURN(const SandboxLevel level, ParseLevel(args.level));
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<CodeVerifier> verifier,
                      CodeVerifier::Start(host));
  R1_RETURN_IF_ERROR(verifier->preflight().Require(level));
  CodeVerifier::Program program =
      verifier->Prepare(language, source, absl::InfiniteFuture());
  RunResult result;
  if (program.verdict == Verdict::kOk) {
    program.run.limits = args.limits;
    program.run.standard_input = std::move(input);
    result = verifier->sandbox()->Run(program.run);
  } else {
    result.verdict = program.verdict;
    result.detail = program.detail;
  }
  std::printf("%s\n", Dump(Report(result)).c_str());
  if (result.verdict != Verdict::kSandboxError) return absl::OkStatus();
  return absl::InternalError(result.detail);
}

absl::Status CheckMachine(const SandboxArgs& args) {
  R1_ASSIGN_OR_RETURN(const SandboxLevel required, ParseLevel(args.level));
  Preflight preflight;
  Json report = {{"level", "none"}};
  SandboxOptions options;
  options.slots = 1;
  const auto sandbox = Sandbox::Start(options);
  if (sandbox.ok()) {
    preflight = RunPreflight(sandbox->get());
    const LauncherReady& machine = (*sandbox)->machine();
    report["level"] = LevelName(preflight.level);
    report["user_namespace"] = machine.has_user_namespace != 0;
    report["cgroup_version"] = {{"memory", machine.memory_cgroup},
                                {"pids", machine.pids_cgroup},
                                {"cpu", machine.cpu_cgroup}};
  } else {
    preflight.problem = std::string(sandbox.status().message());
    report["problem"] = preflight.problem;
  }
  report["probes"] = Json::array();
  for (const ProbeResult& probe : preflight.probes) {
    Json line = {{"name", probe.name}, {"contained", probe.is_contained}};
    if (!probe.detail.empty()) line["detail"] = probe.detail;
    report["probes"].push_back(std::move(line));
  }
  std::printf("%s\n", Dump(report).c_str());
  return preflight.Require(required);
}

void AddLimits(CLI::App* run, RunLimits* limits) {
  const auto add = [run](const char* name, int64_t* value, const char* text,
                         int64_t highest) {
    run->add_option(name, *value, text)
        ->check(CLI::Range(int64_t{1}, highest))
        ->capture_default_str();
  };
  add("--wall-ms", &limits->wall_ms, "Wall clock time", 3600000);
  add("--cpu-ms", &limits->cpu_ms, "CPU time of all its processes", 3600000);
  add("--mem-mb", &limits->memory_mb, "Memory of all its processes and files",
      1 << 20);
  add("--procs", &limits->processes, "Processes and threads", 4096);
  add("--output-kb", &limits->output_kb,
      "Standard output, and standard error, each", 256 << 10);
  add("--disk-mb", &limits->disk_mb, "Files it writes", 1 << 20);
}

void AddLevel(CLI::App* command, std::string* level) {
  command->add_option("--level", *level, "What the machine must hold")
      ->check(CLI::IsMember({"isolated", "full"}))
      ->capture_default_str();
}

}  // namespace

CommandBody AddSandbox(CLI::App* app) {
  auto args = std::make_shared<SandboxArgs>();
  CLI::App* command = app->add_subcommand(
      "sandbox", "Run a program nobody trusts, or check what holds it");
  command->require_subcommand(1);
  args->run = command->add_subcommand(
      "run", "Run a program; print verdict, usage and output as JSON");
  args->run->add_option("FILE", args->file, "The program's source")
      ->required()
      ->type_name("PATH");
  args->run->add_option("--lang", args->lang, "Its language")
      ->required()
      ->check(CLI::IsMember({"python", "cpp"}));
  args->run
      ->add_option("--stdin", args->input, "What it reads; default nothing")
      ->type_name("PATH");
  AddLimits(args->run, &args->limits);
  AddLevel(args->run, &args->level);
  args->check = command->add_subcommand(
      "check", "Try hostile programs; print the level this machine reaches");
  AddLevel(args->check, &args->level);
  command->footer(
      "Examples:\n"
      "  r1 sandbox check\n"
      "  r1 sandbox run --lang python --stdin in.txt --cpu-ms 2000 main.py\n"
      "\nVerdicts: OK, TLE, MLE, OLE, RE, CE, PLE, and IE when the sandbox "
      "failed.");
  return [args] {
    return args->run->parsed() ? RunProgram(*args) : CheckMachine(*args);
  };
}

}  // namespace r1

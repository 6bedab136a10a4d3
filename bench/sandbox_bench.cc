// Starts a second: a bare program and a Python program.
#include <memory>

#include "benchmark/benchmark.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {
namespace {

Sandbox* SharedSandbox() {
  static const auto* sandbox = [] {
    SandboxOptions options;
    options.slots = 2;
    return new absl::StatusOr<std::unique_ptr<Sandbox>>(
        Sandbox::Start(options));
  }();
  return sandbox->ok() ? (*sandbox)->get() : nullptr;
}

void Repeat(const RunRequest& run, benchmark::State& state) {
  Sandbox* sandbox = SharedSandbox();
  if (sandbox == nullptr) {
    state.SkipWithError("needs a machine whose sandbox starts");
    return;
  }
  sandbox->Run(run);  // starts the fork server
  for (auto _ : state) {
    if (sandbox->Run(run).verdict != Verdict::kOk) {
      state.SkipWithError("a run failed");
    }
  }
  state.SetItemsProcessed(state.iterations());
}

void BareStart(benchmark::State& state) {
  RunRequest run;
  run.argv = {"/usr/bin/true"};
  Repeat(run, state);
}

void PythonRun(benchmark::State& state) {
  RunRequest run;
  run.is_python = true;
  run.files = {{"main.py", "print(sum(map(int, input().split())))"}};
  run.standard_input = "2 3\n";
  Repeat(run, state);
}

BENCHMARK(BareStart)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(PythonRun)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace r1

BENCHMARK_MAIN();

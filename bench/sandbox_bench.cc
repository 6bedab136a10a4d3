// Starts a second: a bare program and a Python program. p50_ms: the median time
// of one, in milliseconds.
#include <algorithm>
#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
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
  std::vector<double> millis;
  for (auto _ : state) {
    const absl::Time start = absl::Now();
    if (sandbox->Run(run).verdict != Verdict::kOk) {
      state.SkipWithError("a run failed");
    }
    millis.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
  }
  state.SetItemsProcessed(state.iterations());
  const auto middle = millis.begin() + millis.size() / 2;
  std::nth_element(millis.begin(), middle, millis.end());
  state.counters["p50_ms"] =
      benchmark::Counter(*middle, benchmark::Counter::kAvgThreads);
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

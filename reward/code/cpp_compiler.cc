#include "reward/code/cpp_compiler.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"

namespace r1 {
namespace {

constexpr size_t kMaxCachedBytes = 256 << 20;
constexpr size_t kMaxMessageBytes = 2000;
constexpr size_t kEntryBytes = 512;  // of an entry without what it holds
constexpr int64_t kMaxBinaryMb = 128;
constexpr char kCompiler[] = "/usr/bin/g++";
constexpr const char* kFlags[] = {"-O2", "-std=gnu++20", "-w", "-pipe"};

RunLimits CompileLimits() {
  RunLimits limits;
  limits.wall_ms = 60000;
  limits.cpu_ms = 15000;
  limits.memory_mb = 1024;
  limits.processes = 16;
  limits.output_kb = 64;
  limits.disk_mb = 256;
  return limits;
}

RunRequest CompilerRun(const std::vector<std::string>& arguments) {
  RunRequest run;
  run.argv = {kCompiler};
  run.argv.insert(run.argv.end(), std::begin(kFlags), std::end(kFlags));
  run.argv.insert(run.argv.end(), arguments.begin(), arguments.end());
  run.limits = CompileLimits();
  return run;
}

size_t SizeOf(const CppBuild& build) {
  return kEntryBytes + build.binary.size() + build.message.size();
}

}  // namespace

void CppCompiler::PrepareHeader() {
  if (shared_folder_.empty()) return;
  RunRequest ask = CompilerRun({"-v"});
  const RunResult version = sandbox_->Run(ask);
  if (version.verdict != Verdict::kOk) return;  // Compile will say why
  const std::string key =
      Sha256Hex(absl::StrCat(version.standard_error, kFlags[0], kFlags[1]))
          .substr(0, 16);
  const std::string inside = absl::StrCat("/r1/shared/", key);
  const std::string folder = absl::StrCat(shared_folder_, "/", key, "/bits");
  const std::string path = absl::StrCat(folder, "/stdc++.h.gch");
  if (!FileExists(path)) {
    RunRequest compile =
        CompilerRun({"-x", "c++-header", "header.h", "-o", "header.gch"});
    compile.files = {{"header.h", "#include <bits/stdc++.h>\n"}};
    compile.fetch = "header.gch";
    compile.fetch_mb = 240;
    const RunResult header = sandbox_->Run(compile);
    if (header.verdict != Verdict::kOk || header.fetched.empty()) return;
    absl::Status written = MakeDirectories(folder);
    if (written.ok()) written = WriteFileAtomic(path, header.fetched);
    if (!written.ok()) {
      LogWarning(absl::StrCat("C++ compiles without a precompiled header: ",
                              written.message()));
      return;
    }
  }
  header_folder_ = inside;
}

CppBuild CppCompiler::CompileNow(const std::string& source,
                                 absl::Time deadline) {
  std::call_once(header_once_, [this] { PrepareHeader(); });
  std::vector<std::string> arguments = {"main.cc", "-o", "main"};
  if (!header_folder_.empty()) {
    arguments.insert(arguments.begin(), absl::StrCat("-I", header_folder_));
  }
  RunRequest compile = CompilerRun(arguments);
  compile.files = {{"main.cc", source}};
  compile.fetch = "main";
  compile.fetch_mb = kMaxBinaryMb;
  const int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
  const bool is_cut = left_ms < compile.limits.wall_ms;
  if (is_cut) compile.limits.wall_ms = std::max<int64_t>(left_ms, 1);
  RunResult run = sandbox_->Run(compile);
  CppBuild build;
  build.is_past_deadline = is_cut && run.verdict == Verdict::kTimeLimit;
  if (build.is_past_deadline) return build;
  if (run.verdict == Verdict::kSandboxError) {
    build.message = run.detail;
  } else if (run.verdict == Verdict::kOk && !run.fetched.empty()) {
    build.verdict = Verdict::kOk;
    build.binary = std::move(run.fetched);
  } else {
    build.verdict = Verdict::kCompileError;
    build.message = run.standard_error.substr(0, kMaxMessageBytes);
    if (run.verdict == Verdict::kOk) {
      build.message =
          absl::StrCat("the program is larger than ", kMaxBinaryMb, " MB");
    } else if (run.verdict != Verdict::kRuntimeError) {
      build.message = absl::StrCat("the compiler reached a limit: ",
                                   VerdictName(run.verdict));
    }
  }
  return build;
}

std::shared_ptr<const CppBuild> CppCompiler::Compile(const std::string& source,
                                                     absl::Time deadline) {
  const std::string key = Sha256Hex(source);
  while (true) {
    std::shared_ptr<const CppBuild> build = CompileOnce(key, source, deadline);
    // It may be another's deadline that has passed.
    if (!build->is_past_deadline || absl::Now() >= deadline) return build;
  }
}

std::shared_ptr<const CppBuild> CppCompiler::CompileOnce(
    const std::string& key, const std::string& source, absl::Time deadline) {
  std::shared_ptr<Entry> entry;
  {
    absl::MutexLock lock(&mutex_);
    std::shared_ptr<Entry>& slot = cache_[key];
    if (slot == nullptr) slot = std::make_shared<Entry>();
    entry = slot;
  }
  std::call_once(entry->once, [&] {
    entry->build = CompileNow(source, deadline);
    absl::MutexLock lock(&mutex_);
    if (entry->build.verdict == Verdict::kSandboxError) {
      cache_.erase(key);
      return;
    }
    order_.push_back(key);
    cached_bytes_ += SizeOf(entry->build);
    while (cached_bytes_ > kMaxCachedBytes && order_.size() > 1) {
      const auto oldest = cache_.find(order_.front());
      cached_bytes_ -= SizeOf(oldest->second->build);
      cache_.erase(oldest);
      order_.pop_front();
    }
  });
  return std::shared_ptr<const CppBuild>(entry, &entry->build);
}

}  // namespace r1

// C++ programs to executables: compiled inside the sandbox, once for each text.
#ifndef R1_REWARD_CODE_CPP_COMPILER_H_
#define R1_REWARD_CODE_CPP_COMPILER_H_

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {

struct CppBuild {
  Verdict verdict = Verdict::kSandboxError;  // OK, CE or IE
  std::string binary;                        // for OK
  std::string message;            // the compiler's, for CE; the reason, for IE
  bool is_past_deadline = false;  // it was not finished; IE
};

// g++ with -O2 -std=gnu++20. <bits/stdc++.h>, which contest programs include,
// is precompiled at the first use and kept in the shared folder for other
// processes too; without such a folder each program compiles it anew.
// Threads: all functions may be called from any thread.
class CppCompiler {
 public:
  // `shared_folder` is what the sandbox shows as /r1/shared; "" = none.
  CppCompiler(Sandbox* sandbox, std::string shared_folder)
      : sandbox_(sandbox), shared_folder_(std::move(shared_folder)) {}

  // The build of this text, from the cache if it is there; the same text given
  // from several threads is compiled once. IE is not kept.
  std::shared_ptr<const CppBuild> Compile(const std::string& source,
                                          absl::Time deadline);

 private:
  struct Entry {
    std::once_flag once;  // ThreadSanitizer does not see into Abseil's
    CppBuild build;
  };

  void PrepareHeader();
  std::shared_ptr<const CppBuild> CompileOnce(const std::string& key,
                                              const std::string& source,
                                              absl::Time deadline);
  CppBuild CompileNow(const std::string& source, absl::Time deadline);

  Sandbox* const sandbox_;
  const std::string shared_folder_;
  std::once_flag header_once_;
  std::string header_folder_;  // inside the sandbox; "" = none; set once
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> cache_ ABSL_GUARDED_BY(mutex_);
  // Keys in the order of their arrival, and the size of what is kept.
  std::deque<std::string> order_ ABSL_GUARDED_BY(mutex_);
  size_t cached_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace r1

#endif  // R1_REWARD_CODE_CPP_COMPILER_H_

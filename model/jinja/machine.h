// What a template at work may use up, and where its values live. The first
// fault sticks: everything after it gives Undefined quickly, so that code in
// between need not look.
#ifndef R1_MODEL_JINJA_MACHINE_H_
#define R1_MODEL_JINJA_MACHINE_H_

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/jinja/value.h"

namespace r1::jinja {

inline constexpr int64_t kMaxSteps = 100'000;
inline constexpr size_t kMaxOutputBytes = size_t{1} << 20;
// Of nested blocks, parentheses, calls of macros and containers.
inline constexpr int kMaxDepth = 64;

// Threads: one caller at a time.
class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Remembers the first fault, at the line at work. Gives Undefined.
  Value Fail(absl::string_view message);
  bool failed() const { return !status_.ok(); }
  // InvalidArgument "line N: what".
  const absl::Status& status() const { return status_; }

  // Takes one step, and more for every 256 bytes that are handled; fails when
  // there are none left.
  void Charge(size_t bytes = 0);

  // Fails if the text is larger than an output may be.
  Value NewText(Text text);
  Value NewText(absl::string_view own) { return NewText(Text::Own(own)); }
  Value NewList(std::vector<Value> items, bool is_tuple = false);
  Dict* NewDict() { return New(&dicts_); }
  Namespace* NewNamespace() { return New(&namespaces_); }
  Loop* NewLoop() { return New(&loops_); }
  Macro* NewMacro() { return New(&macros_); }
  Method* NewMethod() { return New(&methods_); }
  Scope* NewScope(Scope* outer) {
    Scope* scope = New(&scopes_);
    scope->outer = outer;
    return scope;
  }

  // Of the template's source, for messages.
  int line = 1;

 private:
  template <typename T>
  T* New(std::deque<T>* all) {
    Charge();
    all->emplace_back();
    return &all->back();
  }

  absl::Status status_;
  int64_t steps_ = 0;
  std::deque<List> lists_;
  std::deque<Dict> dicts_;
  std::deque<Namespace> namespaces_;
  std::deque<Loop> loops_;
  std::deque<Macro> macros_;
  std::deque<Method> methods_;
  std::deque<Scope> scopes_;
};

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_MACHINE_H_

#include "model/jinja/machine.h"

#include "absl/strings/str_cat.h"

namespace r1::jinja {

Value Machine::Fail(absl::string_view message) {
  if (!failed()) {
    status_ =
        absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", message));
  }
  return Undefined();
}

void Machine::Charge(size_t bytes) {
  steps_ += 1 + static_cast<int64_t>(bytes / 256);
  if (steps_ > kMaxSteps) {
    Fail(absl::StrCat("takes more than ", kMaxSteps, " steps"));
  }
}

Value Machine::NewText(Text text) {
  Charge(text.bytes.size());
  if (text.bytes.size() > kMaxOutputBytes) {
    return Fail(
        absl::StrCat("a text grows beyond ", kMaxOutputBytes, " bytes"));
  }
  return std::make_shared<const Text>(std::move(text));
}

Value Machine::NewList(std::vector<Value> items, bool is_tuple) {
  Charge(items.size() * sizeof(Value));
  lists_.push_back({std::move(items), is_tuple});
  return &lists_.back();
}

}  // namespace r1::jinja

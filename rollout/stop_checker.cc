#include "rollout/stop_checker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace r1 {

FinishReason StopChecker::Check(Sequence* s) const {
  const int32_t token = s->completion.back();
  if (std::find(end_tokens_.begin(), end_tokens_.end(), token) !=
      end_tokens_.end()) {
    return FINISH_END_TOKEN;
  }
  if (EndsWithStop(s)) return FINISH_STOP_STRING;
  if (s->length() >= s->max_length) return FINISH_LENGTH;
  return FINISH_UNSPECIFIED;
}

bool StopChecker::EndsWithStop(Sequence* s) const {
  const auto& stops = s->request.sampling.stop();
  if (stops.empty()) return false;
  std::string& tail = s->stop_tail;
  const size_t old_size = tail.size();
  absl::StrAppend(&tail, tokenizer_->TokenBytes(s->completion.back()));
  size_t longest = 1;
  for (const std::string& stop : stops) {
    // Earlier starts were searched when the tail was shorter.
    const size_t begin = old_size - std::min(old_size, stop.size() - 1);
    if (tail.find(stop, begin) != std::string::npos) return true;
    longest = std::max(longest, stop.size());
  }
  if (tail.size() >= longest) tail.erase(0, tail.size() - (longest - 1));
  return false;
}

}  // namespace r1

#include "model/tokenizer_split.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "model/split_pattern.h"

namespace r1 {
namespace {

constexpr size_t kMaxPatternBytes = 64 << 10;
constexpr uint32_t kMatchLimit = 10'000'000;
constexpr uint32_t kHeapLimitKib = 256 << 10;
constexpr uint32_t kOptions =
    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;

}  // namespace

struct RegexSplitter::Scratch::Impl {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);

  Impl() {
    R1_CHECK(context != nullptr && data != nullptr, "out of memory");
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_heap_limit(context, kHeapLimitKib);
  }
  ~Impl() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
};

RegexSplitter::Scratch::Scratch() : impl_(std::make_unique<Impl>()) {}
RegexSplitter::Scratch::~Scratch() = default;

struct RegexSplitter::Code {
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }
};

RegexSplitter::RegexSplitter(std::unique_ptr<const Code> code)
    : code_(std::move(code)) {}
RegexSplitter::~RegexSplitter() = default;
RegexSplitter::RegexSplitter(RegexSplitter&&) noexcept = default;
RegexSplitter& RegexSplitter::operator=(RegexSplitter&&) noexcept = default;

absl::StatusOr<RegexSplitter> RegexSplitter::Create(absl::string_view pattern) {
  if (pattern.empty() || pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("split pattern: has ", pattern.size(),
                     " bytes, expected 1 to ", kMaxPatternBytes));
  }
  R1_ASSIGN_OR_RETURN(const std::string translated,
                      TranslateSplitPattern(pattern));
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  R1_CHECK(context != nullptr, "out of memory");
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE position = 0;
  auto code = std::make_unique<Code>();
  code->code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()),
                    translated.size(), kOptions, &error, &position, context);
  pcre2_compile_context_free(context);
  if (code->code == nullptr) {
    char message[128];
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message),
                            sizeof(message));
    return absl::InvalidArgumentError(absl::StrCat(
        "split pattern: ", message, " at byte ", position, " of ", translated));
  }
  // Where no JIT exists, the interpreter gives the same matches.
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);
  return RegexSplitter(std::move(code));
}

void RegexSplitter::Split(absl::string_view text, Scratch* scratch,
                          std::vector<absl::string_view>* pieces) const {
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  pcre2_match_data* data = scratch->impl_->data;
  const PCRE2_SIZE* match = pcre2_get_ovector_pointer(data);
  const auto find = [&](size_t from, uint32_t options) {
    return pcre2_match(code_->code, subject, text.size(), from,
                       options | PCRE2_NO_UTF_CHECK, data,
                       scratch->impl_->context);
  };
  size_t from = 0;      // where to look for the next match
  size_t previous = 0;  // end of the last piece
  const auto cut = [&](size_t end) {
    if (end > previous)
      pieces->push_back(text.substr(previous, end - previous));
    previous = end;
  };
  while (from < text.size()) {
    int result = find(from, 0);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = find(from, PCRE2_NO_JIT);
    if (result < 0) break;  // no match, or a limit
    // \K and the like are refused, so a match never begins before `from`.
    const size_t begin = match[0], end = match[1];
    cut(begin);
    cut(end);
    from = end > begin ? end
                       : end + std::max<size_t>(
                                   Utf8CharacterLength(text.substr(end)), 1);
  }
  cut(text.size());
}

}  // namespace r1

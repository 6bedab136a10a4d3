// Cuts text at the matches of one regular expression (the only user of PCRE2).
#ifndef R1_MODEL_TOKENIZER_SPLIT_H_
#define R1_MODEL_TOKENIZER_SPLIT_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// Threads: immutable; Split may be called from several threads, each with its
// own Scratch.
class RegexSplitter {
 public:
  // Working memory of matches, for any splitter.
  // Threads: one caller at a time.
  class Scratch {
   public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

   private:
    friend class RegexSplitter;
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };

  // `pattern` is in Oniguruma's Ruby syntax, see split_pattern.h.
  // Errors: InvalidArgument (position and reason), Unimplemented.
  static absl::StatusOr<RegexSplitter> Create(absl::string_view pattern);
  ~RegexSplitter();
  RegexSplitter(RegexSplitter&&) noexcept;
  RegexSplitter& operator=(RegexSplitter&&) noexcept;

  // Appends the matches and what lies between them, in order; together they
  // are `text`, which is valid UTF-8. No piece is empty. Where a match would
  // take more than ten million steps, the rest of the text is one piece.
  void Split(absl::string_view text, Scratch* scratch,
             std::vector<absl::string_view>* pieces) const;

 private:
  struct Code;
  explicit RegexSplitter(std::unique_ptr<const Code> code);
  std::unique_ptr<const Code> code_;
};

}  // namespace r1

#endif  // R1_MODEL_TOKENIZER_SPLIT_H_

// The tokenizer of the golden files, trained on corpus.txt.
#ifndef R1_TESTS_MODEL_GOLDEN_OWN_TOKENIZER_H_
#define R1_TESTS_MODEL_GOLDEN_OWN_TOKENIZER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "model/tokenizer.h"

namespace r1 {

inline absl::StatusOr<Tokenizer> TrainOwnTokenizer(const std::string& corpus) {
  const std::vector<std::string> lines = absl::StrSplit(corpus, '\n');
  return TrainTokenizer(lines, 330, /*single_digits=*/true);
}

}  // namespace r1

#endif  // R1_TESTS_MODEL_GOLDEN_OWN_TOKENIZER_H_

// The text that a base model made here learns from: answers of mixed quality
// to training problems. Some guess, some search; searches go wrong, give up or
// forget the format. A base model imitates the mixture; reinforcement learning
// then finds out which kind of answer pays.
#ifndef R1_ROLLOUT_TASKS_CORPUS_H_
#define R1_ROLLOUT_TASKS_CORPUS_H_

#include <cstdint>
#include <string>

#include "proto/config.pb.h"

namespace r1 {

struct CorpusDocument {
  std::string prompt;      // rendered with the template
  std::string completion;  // without the end token
};

// Document `index` of the corpus: a pure function of (config, seed, index).
// Only problems of the training split occur. Tasks: COUNTDOWN, ARITHMETIC.
CorpusDocument MakeCorpusDocument(const TaskSection& config, uint64_t seed,
                                  uint64_t index);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_CORPUS_H_

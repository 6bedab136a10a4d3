// What every communicator keeps to, as tests that any of them can be run
// through.
#ifndef R1_TESTS_LEARNER_RANKS_CONTRACT_H_
#define R1_TESTS_LEARNER_RANKS_CONTRACT_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "learner/ranks/communicator.h"

namespace r1 {

// The ranks of one learner, in one process.
class TestRanks {
 public:
  virtual ~TestRanks() = default;
  virtual Communicator* rank(int r) = 0;
};

struct CommunicatorKind {
  const char* name;
  bool has_peers;  // otherwise there is one rank
  std::function<std::unique_ptr<TestRanks>(int size, absl::Duration patience)>
      make;
};

// Runs `body` as each rank, on a thread of its own.
inline void OnEachRank(TestRanks* ranks, int size,
                       const std::function<void(Communicator*)>& body) {
  std::vector<std::jthread> threads;
  for (int r = 0; r < size; ++r) {
    threads.emplace_back([&body, comm = ranks->rank(r)] { body(comm); });
  }
}

}  // namespace r1

#endif  // R1_TESTS_LEARNER_RANKS_CONTRACT_H_

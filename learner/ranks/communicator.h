// What the ranks of a learner tell each other. A communicator moves bytes and
// never adds: the order of every sum is the learner's own, and so independent
// of how many ranks there are and of what connects them.
#ifndef R1_LEARNER_RANKS_COMMUNICATOR_H_
#define R1_LEARNER_RANKS_COMMUNICATOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "kernels/device.h"
#include "kernels/tensor.h"

namespace r1 {

// All ranks make the same calls in the same order, with the same sizes. A call
// that fails ends them all: it fails, or the next does, on every rank, and so
// do all later ones. Errors of every call: Unavailable with the first cause,
// the same on all ranks, once any of them has called Abort, is lost, or has
// waited longer than the deadline for the others; Internal for calls that do
// not fit together. Threads: Abort from any, the rest from one.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // send[q] of rank p arrives in receive[p] of rank q, of the same number of
  // fp32 elements; both have size() tensors without gaps. Empty tensors move
  // nothing; both ends leave them out.
  virtual absl::Status Move(absl::Span<const Tensor> send,
                            absl::Span<const Tensor> receive) = 0;
  // Everyone gets the bytes of everyone, in order of rank.
  virtual absl::Status Gather(absl::string_view bytes,
                              std::vector<std::string>* all) = 0;
  // Rank 0 gives each rank its bytes, the others give nothing. They may wait
  // for it without end: what rank 0 does in between has no deadline.
  virtual absl::Status Scatter(absl::Span<const std::string> bytes,
                               std::string* mine) = 0;
  virtual void Abort(const absl::Status& cause) = 0;
};

// How long a rank waits for another in Move and Gather. A rank whose process or
// connection is lost is noticed earlier.
inline constexpr absl::Duration kRankPatience = absl::Minutes(10);

// One rank, which is alone.
class SoloCommunicator : public Communicator {
 public:
  // `memory`: where its tensors lie.
  explicit SoloCommunicator(Device* memory) : memory_(*memory) {}
  int rank() const override { return 0; }
  int size() const override { return 1; }
  absl::Status Move(absl::Span<const Tensor> send,
                    absl::Span<const Tensor> receive) override;
  absl::Status Gather(absl::string_view bytes,
                      std::vector<std::string>* all) override;
  absl::Status Scatter(absl::Span<const std::string> bytes,
                       std::string* mine) override;
  void Abort(const absl::Status& cause) override { cause_.Update(cause); }

 private:
  Device& memory_;
  absl::Status cause_;
};

// The error of all calls after Abort(cause).
absl::Status AbortedBy(const absl::Status& cause);

// The slices of a flat buffer that belong to the ranks: whole blocks of the sum
// of squares (kernels/cpu/sum_squares.cc), in order, as equal as can be.
class RankSlices {
 public:
  static constexpr int64_t kBlock = 8192;  // elements

  RankSlices(int64_t count, int ranks);

  int64_t begin(int rank) const { return begins_[rank]; }
  int64_t size(int rank) const { return begins_[rank + 1] - begins_[rank]; }
  // Of a flat buffer [1, count].
  Tensor Of(Tensor flat, int rank) const {
    return flat.Cols(begin(rank), size(rank));
  }

 private:
  std::vector<int64_t> begins_;  // [ranks + 1]
};

// The slice of each rank to all of them: afterwards `flat` is the same on all.
absl::Status AllGather(const RankSlices& slices, Tensor flat,
                       Communicator* ranks);
// The slice of each rank to rank 0.
absl::Status GatherAtFirst(const RankSlices& slices, Tensor flat,
                           Communicator* ranks);
// The slice of each rank from rank 0.
absl::Status ScatterFromFirst(const RankSlices& slices, Tensor flat,
                              Communicator* ranks);
// All of it from rank 0 to all.
absl::Status Broadcast(Tensor flat, Communicator* ranks);

// Copies between two tensors without gaps through memory of the host.
void CopyElements(Tensor from, Tensor to, Device& memory);

}  // namespace r1

#endif  // R1_LEARNER_RANKS_COMMUNICATOR_H_

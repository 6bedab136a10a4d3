#include "learner/ranks/communicator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "kernels/buffer.h"

namespace r1 {

absl::Status AbortedBy(const absl::Status& cause) {
  if (cause.ok()) return absl::UnavailableError("the ranks are at their end");
  return absl::UnavailableError(cause.message());
}

absl::Status SoloCommunicator::Move(absl::Span<const Tensor> send,
                                    absl::Span<const Tensor> receive) {
  R1_CHECK(send.size() == 1 && receive.size() == 1, "one tensor a rank");
  if (!cause_.ok()) return AbortedBy(cause_);
  if (send[0].count() != receive[0].count()) {
    return absl::InternalError(
        absl::StrCat("rank 0 expects ", receive[0].count(),
                     " elements of rank 0, which sends ", send[0].count()));
  }
  CopyElements(send[0], receive[0], memory_);
  return absl::OkStatus();
}

absl::Status SoloCommunicator::Gather(absl::string_view bytes,
                                      std::vector<std::string>* all) {
  if (!cause_.ok()) return AbortedBy(cause_);
  all->assign(1, std::string(bytes));
  return absl::OkStatus();
}

absl::Status SoloCommunicator::Scatter(absl::Span<const std::string> bytes,
                                       std::string* mine) {
  R1_CHECK(bytes.size() == 1, "bytes for each rank");
  if (!cause_.ok()) return AbortedBy(cause_);
  *mine = bytes[0];
  return absl::OkStatus();
}

RankSlices::RankSlices(int64_t count, int ranks) {
  const int64_t blocks = (count + kBlock - 1) / kBlock;
  for (int64_t r = 0; r <= ranks; ++r) {
    begins_.push_back(std::min(count, blocks * r / ranks * kBlock));
  }
}

absl::Status AllGather(const RankSlices& slices, Tensor flat,
                       Communicator* ranks) {
  const int size = ranks->size(), rank = ranks->rank();
  std::vector<Tensor> send(size), receive(size);
  for (int q = 0; q < size; ++q) {
    if (q == rank) continue;  // it is there already
    send[q] = slices.Of(flat, rank);
    receive[q] = slices.Of(flat, q);
  }
  return ranks->Move(send, receive);
}

absl::Status GatherAtFirst(const RankSlices& slices, Tensor flat,
                           Communicator* ranks) {
  const int size = ranks->size(), rank = ranks->rank();
  std::vector<Tensor> send(size), receive(size);
  if (rank != 0) send[0] = slices.Of(flat, rank);
  for (int q = 1; rank == 0 && q < size; ++q) receive[q] = slices.Of(flat, q);
  return ranks->Move(send, receive);
}

absl::Status ScatterFromFirst(const RankSlices& slices, Tensor flat,
                              Communicator* ranks) {
  const int size = ranks->size(), rank = ranks->rank();
  std::vector<Tensor> send(size), receive(size);
  if (rank != 0) receive[0] = slices.Of(flat, rank);
  for (int q = 1; rank == 0 && q < size; ++q) send[q] = slices.Of(flat, q);
  return ranks->Move(send, receive);
}

absl::Status Broadcast(Tensor flat, Communicator* ranks) {
  const int size = ranks->size(), rank = ranks->rank();
  std::vector<Tensor> send(size), receive(size);
  if (rank != 0) receive[0] = flat;
  for (int q = 1; rank == 0 && q < size; ++q) send[q] = flat;
  return ranks->Move(send, receive);
}

void CopyElements(Tensor from, Tensor to, Device& memory) {
  R1_CHECK(from.count() == to.count(), "as many elements");
  std::vector<float> piece(std::min<int64_t>(from.count(), 128 << 10));
  for (int64_t begin = 0; begin < from.count(); begin += piece.size()) {
    const absl::Span<float> part = absl::MakeSpan(piece).subspan(
        0, std::min<int64_t>(piece.size(), from.count() - begin));
    memory.Read(from, begin, part);
    memory.Write(part, begin, to);
  }
}

}  // namespace r1

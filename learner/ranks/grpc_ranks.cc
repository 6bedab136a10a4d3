#include "learner/ranks/grpc_ranks.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "kernels/buffer.h"

namespace r1 {
namespace {

constexpr uint64_t kChunkBytes = 512 << 10;

// The bytes of a tensor's elements.
void ReadBytes(Device& memory, const Tensor& x, uint64_t offset, uint64_t size,
               std::string* out) {
  out->resize(size);
  memory.Read(x, static_cast<int64_t>(offset / sizeof(float)),
              absl::MakeSpan(reinterpret_cast<float*>(out->data()),
                             size / sizeof(float)));
}

void WriteBytes(absl::string_view data, Device& memory, uint64_t offset,
                const Tensor& x) {
  std::vector<float> values(data.size() / sizeof(float));
  std::memcpy(values.data(), data.data(), values.size() * sizeof(float));
  memory.Write(values, static_cast<int64_t>(offset / sizeof(float)), x);
}

uint64_t BytesOfTensor(const Tensor& x) { return x.count() * sizeof(float); }

}  // namespace

absl::Status GrpcRanks::Move(absl::Span<const Tensor> send,
                             absl::Span<const Tensor> receive) {
  R1_CHECK(static_cast<int>(send.size()) == size() &&
               static_cast<int>(receive.size()) == size(),
           "a tensor for each rank");
  std::vector<Outgoing> out(size());
  std::vector<Incoming> in(size());
  for (int q = 0; q < size(); ++q) {
    if (q == rank()) continue;
    if (!send[q].empty()) {
      out[q].total = BytesOfTensor(send[q]);
      out[q].fill = [this, x = send[q]](uint64_t offset, uint64_t n,
                                        std::string* data) {
        ReadBytes(*options_.memory, x, offset, n, data);
      };
    }
    if (receive[q].empty()) continue;
    in[q].begin = [this, q, x = receive[q]](uint64_t total) -> absl::Status {
      if (total == BytesOfTensor(x)) return absl::OkStatus();
      return absl::InternalError(absl::StrCat(
          "rank ", rank(), " expects ", x.count(), " elements of rank ", q,
          ", which sends ", total / sizeof(float)));
    };
    in[q].take = [this, x = receive[q]](uint64_t offset,
                                        absl::string_view data) {
      WriteBytes(data, *options_.memory, offset, x);
    };
  }
  if (send[rank()].count() != receive[rank()].count()) {
    Abort(absl::InternalError(
        absl::StrCat("rank ", rank(), " expects other sizes of itself")));
  } else {
    CopyElements(send[rank()], receive[rank()], *options_.memory);
  }
  return Call(std::move(out), std::move(in), options_.patience);
}

absl::Status GrpcRanks::Gather(absl::string_view bytes,
                               std::vector<std::string>* all) {
  std::vector<Outgoing> out(size());
  std::vector<Incoming> in(size());
  all->assign(size(), "");
  (*all)[rank()] = std::string(bytes);
  for (int q = 0; q < size(); ++q) {
    if (q == rank()) continue;
    out[q].total = bytes.size();
    out[q].fill = [bytes](uint64_t offset, uint64_t n, std::string* data) {
      *data = std::string(bytes.substr(offset, n));
    };
    in[q].begin = [](uint64_t) { return absl::OkStatus(); };
    in[q].take = [theirs = &(*all)[q]](uint64_t, absl::string_view data) {
      absl::StrAppend(theirs, data);
    };
  }
  return Call(std::move(out), std::move(in), options_.patience);
}

absl::Status GrpcRanks::Scatter(absl::Span<const std::string> bytes,
                                std::string* mine) {
  R1_CHECK(static_cast<int>(bytes.size()) == (rank() == 0 ? size() : 0),
           "bytes for each rank, from rank 0");
  std::vector<Outgoing> out(size());
  std::vector<Incoming> in(size());
  mine->clear();
  if (rank() == 0) {
    *mine = bytes[0];
    for (int q = 1; q < size(); ++q) {
      out[q].total = bytes[q].size();
      out[q].fill = [b = absl::string_view(bytes[q])](
                        uint64_t offset, uint64_t n, std::string* data) {
        *data = std::string(b.substr(offset, n));
      };
    }
  } else {
    in[0].begin = [](uint64_t) { return absl::OkStatus(); };
    in[0].take = [mine](uint64_t, absl::string_view data) {
      absl::StrAppend(mine, data);
    };
  }
  return Call(std::move(out), std::move(in),
              rank() == 0 ? options_.patience : absl::InfiniteDuration());
}

// Posts what is awaited before it sends: so whoever sends to this rank gets on
// as soon as this rank is in the call, and nobody waits in a circle.
absl::Status GrpcRanks::Call(std::vector<Outgoing> out,
                             std::vector<Incoming> in,
                             absl::Duration patience) {
  uint64_t call = 0;
  {
    absl::MutexLock lock(&mutex_);
    // Who has aborted hears from rank 0 why all of them end.
    const auto is_known = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return has_ended_ || suspicion_.ok();
    };
    mutex_.Await(absl::Condition(&is_known));
    if (has_ended_) return AbortedBy(end_);
    for (int p = 0; p < size(); ++p) {
      in[p].is_awaited = in[p].take != nullptr;
      peers_[p].incoming = std::move(in[p]);
    }
    call = ++call_;
    call_began_ = absl::Now();
    call_patience_ = patience;
  }
  bool is_sent = true;
  for (int i = 1; is_sent && i < size(); ++i) {  // each begins with another
    const int q = (rank() + i) % size();
    if (out[q].fill == nullptr) continue;
    is_sent = SendTo(q, call, out[q]);
    if (!is_sent) {
      Abort(absl::UnavailableError(absl::StrCat("rank ", q, " is gone")));
    }
  }
  absl::MutexLock lock(&mutex_);
  const auto is_done = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (has_ended_) return true;
    return is_sent &&
           std::none_of(peers_.begin(), peers_.end(), [](const Peer& peer) {
             return peer.incoming.is_awaited;
           });
  };
  mutex_.Await(absl::Condition(&is_done));
  // What was posted is the caller's again when nobody writes to it.
  const auto is_idle = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::none_of(peers_.begin(), peers_.end(),
                        [](const Peer& peer) { return peer.incoming.is_busy; });
  };
  mutex_.Await(absl::Condition(&is_idle));
  for (Peer& peer : peers_) peer.incoming = {};
  call_patience_ = absl::InfiniteDuration();
  return has_ended_ ? AbortedBy(end_) : absl::OkStatus();
}

bool GrpcRanks::SendTo(int q, uint64_t call, const Outgoing& out) {
  RankFrame frame;
  {
    absl::MutexLock lock(&mutex_);
    frame.set_generation(generation_);
  }
  frame.set_from(rank());
  frame.set_call(call);
  frame.set_total_bytes(out.total);
  uint64_t offset = 0;
  do {  // one frame at least
    const uint64_t size = std::min(kChunkBytes, out.total - offset);
    frame.set_offset_bytes(offset);
    if (size > 0) out.fill(offset, size, frame.mutable_data());
    if (!peers_[q].writer->Write(frame)) return false;
    offset += size;
  } while (offset < out.total);
  return true;
}

// The frames of one rank, each when this rank is in the call it belongs to.
grpc::Status GrpcRanks::Receive(grpc::ServerContext* context,
                                grpc::ServerReader<RankFrame>* reader) {
  RankFrame frame;
  int from = -1;
  while (reader->Read(&frame)) {
    absl::MutexLock lock(&mutex_);
    if (frame.generation() != generation_ || frame.from() < 0 ||
        frame.from() >= size() || frame.from() == rank()) {
      return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                          absl::StrCat("generation ", frame.generation(),
                                       " is over, now ", generation_));
    }
    from = frame.from();
    Incoming& incoming = peers_[from].incoming;
    const auto is_due = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return has_ended_ || context->IsCancelled() || call_ >= frame.call();
    };
    while (!mutex_.AwaitWithTimeout(absl::Condition(&is_due),
                                    absl::Milliseconds(200))) {
    }
    if (has_ended_ || context->IsCancelled()) break;
    const bool fits = call_ == frame.call() && incoming.is_awaited &&
                      incoming.received == frame.offset_bytes();
    absl::Status status =
        !fits ? absl::InternalError(absl::StrCat("rank ", rank(),
                                                 " expects nothing of rank ",
                                                 from, " in call ", call_))
        : frame.offset_bytes() == 0 ? incoming.begin(frame.total_bytes())
                                    : absl::OkStatus();
    if (!status.ok()) {
      mutex_.Unlock();
      Abort(status);
      mutex_.Lock();
      return grpc::Status::OK;
    }
    incoming.is_busy = true;
    mutex_.Unlock();
    incoming.take(frame.offset_bytes(), frame.data());
    mutex_.Lock();
    incoming.is_busy = false;
    incoming.received += frame.data().size();
    if (incoming.received >= frame.total_bytes()) incoming.is_awaited = false;
  }
  if (from >= 0) {
    Abort(absl::UnavailableError(absl::StrCat("rank ", from, " is gone")));
  }
  return grpc::Status::OK;
}

absl::Status GrpcRanks::end() const {
  absl::MutexLock lock(&mutex_);
  return end_;
}

}  // namespace r1

#include "learner/ranks/thread_ranks.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace r1 {

class ThreadRanks::Rank : public Communicator {
 public:
  Rank(ThreadRanks* all, int rank, int size)
      : all_(all), rank_(rank), size_(size) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  absl::Status Move(absl::Span<const Tensor> send,
                    absl::Span<const Tensor> receive) override {
    R1_CHECK(static_cast<int>(send.size()) == size_ &&
                 static_cast<int>(receive.size()) == size_,
             "a tensor for each rank");
    Offer mine;
    mine.tensors = send;
    return all_->Meet(rank_, mine, all_->patience_, [&]() -> absl::Status {
      for (int p = 0; p < size_; ++p) {
        const absl::Span<const Tensor> theirs = all_->offers_[p].tensors;
        const int64_t count = theirs.empty() ? 0 : theirs[rank_].count();
        if (count != receive[p].count()) {
          return absl::InternalError(
              absl::StrCat("rank ", rank_, " expects ", receive[p].count(),
                           " elements of rank ", p, ", which sends ", count));
        }
        if (count > 0) CopyElements(theirs[rank_], receive[p], *CpuDevice());
      }
      return absl::OkStatus();
    });
  }

  absl::Status Gather(absl::string_view bytes,
                      std::vector<std::string>* all) override {
    Offer mine;
    mine.text = bytes;
    all->clear();
    return all_->Meet(rank_, mine, all_->patience_, [&] {
      for (const Offer& offer : all_->offers_) all->emplace_back(offer.text);
      return absl::OkStatus();
    });
  }

  absl::Status Scatter(absl::Span<const std::string> bytes,
                       std::string* mine) override {
    R1_CHECK(static_cast<int>(bytes.size()) == (rank_ == 0 ? size_ : 0),
             "bytes for each rank, from rank 0");
    Offer offer;
    offer.bytes = bytes;
    return all_->Meet(
        rank_, offer, absl::InfiniteDuration(), [&]() -> absl::Status {
          const absl::Span<const std::string> given = all_->offers_[0].bytes;
          if (given.empty()) {
            return absl::InternalError("rank 0 is in another call");
          }
          *mine = given[rank_];
          return absl::OkStatus();
        });
  }

  void Abort(const absl::Status& cause) override { all_->Abort(cause); }

 private:
  ThreadRanks* all_;
  int rank_, size_;
};

ThreadRanks::ThreadRanks(int size, absl::Duration patience)
    : patience_(patience), offers_(size), is_there_(size) {
  for (int r = 0; r < size; ++r) {
    ranks_.push_back(std::make_unique<Rank>(this, r, size));
  }
}

ThreadRanks::~ThreadRanks() = default;

absl::Status ThreadRanks::Meet(int rank, Offer mine, absl::Duration patience,
                               absl::FunctionRef<absl::Status()> take) {
  offers_[rank] = mine;
  R1_RETURN_IF_ERROR(AwaitAll(rank, /*is_begin=*/true, patience));
  const absl::Status taken = take();
  {
    absl::MutexLock lock(&mutex_);
    --taking_;
    if (!taken.ok() && cause_.ok()) cause_ = taken;
  }
  R1_RETURN_IF_ERROR(AwaitAll(rank, /*is_begin=*/false, patience));
  return taken;
}

absl::Status ThreadRanks::AwaitAll(int rank, bool is_begin,
                                   absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  const int64_t meeting = meeting_;
  is_there_[rank] = true;
  if (++arrived_ == static_cast<int>(offers_.size())) {
    arrived_ = 0;
    is_there_.assign(offers_.size(), false);
    ++meeting_;
  }
  const auto is_over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return meeting_ != meeting || !cause_.ok();
  };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&is_over), patience)) {
    std::string missing;
    for (size_t r = 0; r < is_there_.size(); ++r) {
      if (!is_there_[r]) absl::StrAppend(&missing, " ", r);
    }
    cause_ = absl::UnavailableError(absl::StrCat("rank ", rank, " waited ",
                                                 absl::FormatDuration(patience),
                                                 " for rank", missing));
  }
  if (cause_.ok()) {
    if (is_begin) ++taking_;
    return absl::OkStatus();
  }
  // What this rank offered is its own again when nobody reads it any more.
  const auto is_unread = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return taking_ == 0;
  };
  mutex_.Await(absl::Condition(&is_unread));
  return AbortedBy(cause_);
}

void ThreadRanks::Abort(const absl::Status& cause) {
  absl::MutexLock lock(&mutex_);
  if (cause_.ok()) cause_ = cause;
}

}  // namespace r1

#include "rollout/block_manager.h"

#include "base/check.h"

namespace r1 {

BlockManager::BlockManager(int64_t num_pages) : holders_(num_pages, 0) {
  free_.reserve(num_pages);
  for (int64_t page = num_pages - 1; page >= 0; --page) free_.push_back(page);
}

int32_t BlockManager::Allocate() {
  if (free_.empty()) return -1;
  const int32_t page = free_.back();
  free_.pop_back();
  holders_[page] = 1;
  return page;
}

void BlockManager::Share(int32_t page) {
  R1_CHECK(holders_[page] > 0, "only a page in use can be shared");
  ++holders_[page];
}

void BlockManager::Release(int32_t page) {
  R1_CHECK(holders_[page] > 0, "only a page in use can be released");
  if (--holders_[page] == 0) free_.push_back(page);
}

}  // namespace r1

// Which pages of the KV cache are in use, and by how many holders: the samples
// of a group share the full pages of their prompt.
#ifndef R1_ROLLOUT_BLOCK_MANAGER_H_
#define R1_ROLLOUT_BLOCK_MANAGER_H_

#include <cstdint>
#include <vector>

namespace r1 {

// Which page is handed out next is a function of the calls before, and pages
// used before come first: memory that was never needed is never touched.
// Threads: one caller at a time.
class BlockManager {
 public:
  explicit BlockManager(int64_t num_pages);

  int64_t num_pages() const { return holders_.size(); }
  int64_t num_free() const { return free_.size(); }

  // A free page with one holder, or -1 if there is none.
  int32_t Allocate();
  // Adds a holder.
  void Share(int32_t page);
  // Takes one holder away; the page of the last one becomes free.
  void Release(int32_t page);

 private:
  std::vector<int32_t> holders_;  // by page; 0 = free
  std::vector<int32_t> free_;     // a stack
};

}  // namespace r1

#endif  // R1_ROLLOUT_BLOCK_MANAGER_H_

#include "kernels/cuda/row_tables.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "kernels/ops.h"

namespace r1::cuda {

RowsById GroupRowsById(absl::Span<const int32_t> ids) {
  RowsById groups;
  groups.rows.resize(ids.size());
  std::iota(groups.rows.begin(), groups.rows.end(), 0);
  std::stable_sort(groups.rows.begin(), groups.rows.end(),
                   [&](int32_t a, int32_t b) { return ids[a] < ids[b]; });
  for (int64_t i = 0; i < ids.size(); ++i) {
    const int32_t id = ids[groups.rows[i]];
    if (groups.ids.empty() || groups.ids.back() != id) {
      groups.ids.push_back(id);
      groups.begins.push_back(static_cast<int32_t>(i));
    }
  }
  groups.begins.push_back(static_cast<int32_t>(ids.size()));
  return groups;
}

std::vector<int32_t> KvWritesOf(const HostBatch& batch) {
  std::vector<int32_t> writes;
  for (const auto& sequences : {batch.sequences, batch.copies}) {
    for (const SequenceRows& s : sequences) {
      for (int64_t i = 0; i < s.row_count; ++i) {
        const int64_t position = s.first_position + i;
        const int64_t page = position / kPageTokens;
        R1_CHECK(page < s.pages.size(), "pages for all rows of a sequence");
        writes.push_back(static_cast<int32_t>(s.row_begin + i));
        writes.push_back(static_cast<int32_t>(
            int64_t{s.pages[page]} * kPageTokens + position % kPageTokens));
      }
    }
  }
  return writes;
}

}  // namespace r1::cuda

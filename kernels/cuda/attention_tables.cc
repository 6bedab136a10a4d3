#include <algorithm>

#include "base/check.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/order.h"

namespace r1::cuda {
namespace {

// The row of a sequence's position 0: the same for those that share a prefix.
int64_t FirstRow(const SequenceRows& s) {
  return s.first_position > 0 ? s.prefix_begin : s.row_begin;
}

void AddTiles(int sequence, int rows, int tile_rows,
              std::vector<AttentionTile>* tiles) {
  for (int first = 0; first < rows; first += tile_rows) {
    tiles->push_back({sequence, first});
  }
}

// Tiles of keys [begin, end) that sequences [s, s_end) see.
void AddKeys(int begin, int end, int page_begin, int64_t row, int s, int s_end,
             bool is_prefix, std::vector<KeyTile>* tiles) {
  for (int key = begin; key < end; key += kTileKeys) {
    tiles->push_back({key, std::min(end, key + kTileKeys), page_begin,
                      static_cast<int>(row + key - begin), s, s_end,
                      is_prefix});
  }
}

// Key tiles of a group: sequences [begin, end), which share a prefix or are one
// alone. The prefix's own sequence, if it is there, is the last.
void AddGroup(absl::Span<const SequenceRows> sequences, int begin, int end,
              AttentionTables* tables) {
  // The prefix's keys, from any list of pages that holds all of them.
  int longest = begin;
  int64_t prefix = 0;
  for (int s = begin; s < end; ++s) {
    if (sequences[s].first_position > prefix) {
      prefix = sequences[s].first_position;
      longest = s;
    }
  }
  const auto pages = [&](int s) { return tables->sequences[s].page_begin; };
  AddKeys(0, prefix, pages(longest), FirstRow(sequences[begin]), begin, end,
          true, &tables->key_tiles);
  for (int s = begin; s < end; ++s) {
    const int64_t first = sequences[s].first_position;
    // The prefix's own sequence: keys that others see, too, are done.
    const int64_t own = first == 0 ? prefix : first;
    AddKeys(own, first + sequences[s].row_count, pages(s),
            sequences[s].row_begin + own - first, s, s + 1, false,
            &tables->key_tiles);
  }
}

}  // namespace

AttentionTables MakeAttentionTables(absl::Span<const SequenceRows> all,
                                    int group, bool for_backward) {
  std::vector<SequenceRows> sequences;
  for (const SequenceRows& s : all) {
    if (s.row_count > 0) sequences.push_back(s);
  }
  AttentionTables tables;
  for (const SequenceRows& s : sequences) {
    const int64_t keys = s.first_position + s.row_count;
    R1_CHECK(keys * group <= INT32_MAX, "a row's number is an int");
    const int number = tables.sequences.size();
    tables.sequences.push_back({static_cast<int>(s.row_begin),
                                static_cast<int>(s.row_count),
                                static_cast<int>(s.first_position),
                                static_cast<int>(tables.pages.size())});
    tables.pages.insert(tables.pages.end(), s.pages.begin(), s.pages.end());
    const int rows = s.row_count * group;
    if (for_backward) {
      AddTiles(number, rows, kFoldRows, &tables.row_tiles);
    } else if (rows <= kSplitRows || s.row_count == 1) {
      AddTiles(number, rows, kSplitRows, &tables.split_tiles);
      tables.splits =
          std::max<int>(tables.splits, (keys + kSplitKeys - 1) / kSplitKeys);
    } else {
      AddTiles(number, rows, kFoldRows, &tables.fold_tiles);
    }
  }
  if (!for_backward) return tables;
  for (int begin = 0; begin < sequences.size();) {
    int end = begin + 1;
    while (end < sequences.size() &&
           FirstRow(sequences[end]) == FirstRow(sequences[begin])) {
      ++end;
    }
    AddGroup(sequences, begin, end, &tables);
    begin = end;
  }
  return tables;
}

}  // namespace r1::cuda

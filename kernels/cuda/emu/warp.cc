#include "kernels/cuda/emu/warp.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace r1::cuda::emu {
namespace {

constexpr int kDepth = 16;     // k of one mma
constexpr int kMaxTiles = 16;  // MI and NI

float Low(uint32_t pair) { return std::bit_cast<float>(pair << 16); }
float High(uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000u); }

// Eight columns of c += a b, k ascending. The product of two bf16 is exact, so
// that a fused operation would give the same.
typedef float Columns __attribute__((vector_size(32)));

#if defined(__GNUC__) && !defined(__clang__) && !defined(R1_EMU_ASAN) && \
    !defined(__SANITIZE_THREAD__)
// A sanitizer is not ready when the program chooses among clones.
__attribute__((target_clones("avx2", "default")))
#endif
void AddProducts(const float* a, const Columns* b, int n_tiles, Columns* c) {
  for (int j = 0; j < n_tiles; ++j) {
    Columns sum = c[j];
    for (int k = 0; k < kDepth; ++k) sum += a[k] * b[k * n_tiles + j];
    c[j] = sum;
  }
}

}  // namespace

// The lanes of a quad (four after one another) hold a row of c; lane l = 4 g +
// t has rows g and g + 8 of a and c, and column g of b.
void MultiplyTiles(int m_tiles, int n_tiles, void* const* arguments) {
  R1_CHECK(m_tiles <= kMaxTiles && n_tiles <= kMaxTiles, "tiles of a warp");
  float a[kMaxTiles * 16][kDepth];
  Columns b[kDepth * kMaxTiles];
  const auto of = [&](int g, int t) {
    return static_cast<const MmaArguments*>(arguments[4 * g + t]);
  };
  for (int g = 0; g < 8; ++g) {
    for (int t = 0; t < 4; ++t) {
      const MmaArguments& lane = *of(g, t);
      for (int i = 0; i < m_tiles; ++i) {
        for (int q = 0; q < 4; ++q) {
          const uint32_t pair = lane.a[i * 4 + q];
          float* const at = &a[i * 16 + g + q % 2 * 8][t * 2 + q / 2 * 8];
          at[0] = Low(pair);
          at[1] = High(pair);
        }
      }
      for (int j = 0; j < n_tiles; ++j) {
        for (int q = 0; q < 2; ++q) {
          const uint32_t pair = lane.b[j * 2 + q];
          const int k = t * 2 + q * 8;
          b[k * n_tiles + j][g] = Low(pair);
          b[(k + 1) * n_tiles + j][g] = High(pair);
        }
      }
    }
  }
  Columns c[kMaxTiles];
  for (int row = 0; row < m_tiles * 16; ++row) {
    const int g = row % 8;
    const int begin = row / 16 * n_tiles * 4 + row % 16 / 8 * 2;
    for (int j = 0; j < n_tiles; ++j) {
      for (int t = 0; t < 4; ++t) {
        const float* const at = of(g, t)->c + begin + j * 4;
        c[j][t * 2] = at[0];
        c[j][t * 2 + 1] = at[1];
      }
    }
    AddProducts(a[row], b, n_tiles, c);
    for (int j = 0; j < n_tiles; ++j) {
      for (int t = 0; t < 4; ++t) {
        float* const at = of(g, t)->c + begin + j * 4;
        at[0] = c[j][t * 2];
        at[1] = c[j][t * 2 + 1];
      }
    }
  }
}

void ShuffleLanes(uint32_t mask, void* const* arguments) {
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if ((mask >> lane & 1) == 0) continue;
    auto& mine = *static_cast<ShuffleArguments*>(arguments[lane]);
    if ((mask >> mine.from & 1) == 0) {
      current->block->Report(
          absl::StrCat("lane ", lane, " of a shuffle reads lane ", mine.from,
                       ", which is not in the mask"));
      current->block->Abandon();
    }
    mine.result =
        static_cast<const ShuffleArguments*>(arguments[mine.from])->value;
  }
}

namespace {

void BallotLanes(uint32_t mask, void* const* arguments) {
  uint32_t result = 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      uint32_t& mine = *static_cast<uint32_t*>(arguments[lane]);
      if (pass == 0) result |= mine << lane;
      if (pass == 1) mine = result;
    }
  }
}

struct LoadArguments {
  uint32_t* registers;
  const uint16_t* row;
};

// Lane l gets elements 2 (l % 4) and the next of row l / 4 of each matrix, or
// of its column.
template <bool kTranspose>
void LoadLanes(uint32_t, void* const* arguments) {
  const auto row = [&](int matrix, int r) {
    return static_cast<const LoadArguments*>(arguments[matrix * 8 + r])->row;
  };
  for (int lane = 0; lane < 32; ++lane) {
    const int line = lane / 4, first = lane % 4 * 2;
    for (int matrix = 0; matrix < 4; ++matrix) {
      const uint32_t low =
          kTranspose ? row(matrix, first)[line] : row(matrix, line)[first];
      const uint32_t high = kTranspose ? row(matrix, first + 1)[line]
                                       : row(matrix, line)[first + 1];
      static_cast<const LoadArguments*>(arguments[lane])->registers[matrix] =
          low | high << 16;
    }
  }
}

// What ThreadSanitizer is to know of a read that another lane does.
void Touch(const uint16_t* row) {
  for (int i = 0; i < 8; ++i) {
    static_cast<void>(*static_cast<const volatile uint16_t*>(row + i));
  }
}

bool IsAligned(const void* p) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0;
}

void CheckRow(const void* row) {
  const Unwatched unwatched;
  Block& block = *current->block;
  if (IsAligned(row) && block.shared().Contains(row, 16)) return;
  block.Report(
      "ldmatrix: a row is not 16 bytes of shared memory at a multiple of 16");
  block.Abandon();
}

}  // namespace

uint32_t Ballot(uint32_t mask, bool predicate) {
  uint32_t word = predicate;
  current->block->MeetWarp(mask, &word, BallotLanes);
  return word;
}

void LoadMatrices(uint32_t* registers, const void* row, bool transpose) {
  CheckRow(row);
  const uint16_t* const elements = static_cast<const uint16_t*>(row);
  Touch(elements);
  LoadArguments arguments = {registers, elements};
  current->block->MeetWarp(~0u, &arguments,
                           transpose ? LoadLanes<true> : LoadLanes<false>);
}

void CheckAsyncCopy(const void* to, const void* from, int bytes) {
  const Unwatched unwatched;
  Block& block = *current->block;
  if (bytes < 0 || bytes > 16 || bytes % 2 != 0) {
    block.Report(absl::StrCat("cp.async: ", bytes, " bytes of bf16 out of 16"));
    block.Abandon();
  }
  if (!IsAligned(to) || !IsAligned(from)) {
    block.Report(absl::StrCat("cp.async: ", IsAligned(to) ? "source" : "target",
                              " is not at a multiple of 16 bytes"));
    block.Abandon();
  }
  if (!block.shared().Contains(to, 16)) {
    block.Report("cp.async: the target is not shared memory");
    block.Abandon();
  }
}

void* StaticShared(const void* tag, size_t bytes) {
  const Unwatched unwatched;
  Block& block = *current->block;
  void* const array = block.shared().StaticArray(tag, bytes);
  if (array == nullptr) {
    block.Report(absl::StrCat("no room for a static array of ", bytes,
                              " bytes: at most ", kMaxStaticSharedBytes,
                              " bytes are static, and ", kMaxSharedBytes,
                              " in all"));
    block.Abandon();
  }
  return array;
}

}  // namespace r1::cuda::emu

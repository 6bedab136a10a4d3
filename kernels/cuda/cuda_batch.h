// A batch on the device.
#ifndef R1_KERNELS_CUDA_CUDA_BATCH_H_
#define R1_KERNELS_CUDA_CUDA_BATCH_H_

#include <cstdint>
#include <vector>

#include "kernels/batch.h"
#include "kernels/buffer.h"
#include "kernels/cuda/attention.h"

namespace r1::cuda {

struct CudaBatch : DeviceBatch {
  explicit CudaBatch(Device* device)
      : memory(device), forward(device), backward(device) {}

  Buffer memory;     // of the tensors
  Tensor kv_writes;  // for KvWrite, [W, 2]

  // What the host said, for tables that are made when they are first needed.
  std::vector<int32_t> token_ids, out_row_ids;
  std::vector<SequenceRows> sequences;
  std::vector<int32_t> pages;  // that their spans show

  // Tables of attention, made for groups of `group` query heads.
  struct Attention {
    explicit Attention(Device* device) : memory(device) {}
    Buffer memory;
    int group = 0;  // 0: not made
    DeviceAttentionTables tables;
  };
  mutable Attention forward, backward;
};

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_CUDA_BATCH_H_

// Keys and values of all layers, in pages shared by one page table.
#ifndef R1_MODEL_KV_CACHE_H_
#define R1_MODEL_KV_CACHE_H_

#include <cstring>

#include "kernels/buffer.h"
#include "kernels/ops.h"
#include "model/model_config.h"

namespace r1 {

// Page p of every layer holds the same positions of the same sequence.
// Threads: as a plain array.
class KvCache {
 public:
  KvCache() = default;
  KvCache(const ModelConfig& config, int64_t num_pages) {
    Resize(config, num_pages);
  }

  // Makes room for at least `num_pages` pages; the content is lost if it grows.
  void Resize(const ModelConfig& config, int64_t num_pages) {
    pages_.num_kv_heads = config.num_kv_heads;
    pages_.head_dim = config.head_dim;
    num_layers_ = config.num_layers;
    if (num_pages <= pages_.num_pages) return;
    pages_.num_pages = num_pages;
    buffer_ = Buffer(num_layers_ * num_pages * pages_.page_stride());
  }

  int64_t num_pages() const { return pages_.num_pages; }
  KvPages Layer(int l) const {
    KvPages layer = pages_;
    layer.data = buffer_.data() + l * pages_.num_pages * pages_.page_stride();
    return layer;
  }
  // Copies one page in every layer (a shared, partly filled prompt page).
  void CopyPage(int32_t from, int32_t to) {
    const int64_t stride = pages_.page_stride();
    for (int l = 0; l < num_layers_; ++l) {
      float* base = Layer(l).data;
      std::memcpy(base + to * stride, base + from * stride,
                  stride * sizeof(float));
    }
  }

 private:
  int num_layers_ = 0;
  KvPages pages_;
  Buffer buffer_;
};

}  // namespace r1

#endif  // R1_MODEL_KV_CACHE_H_

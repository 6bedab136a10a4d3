// Keys and values of all layers, in pages shared by one page table.
#ifndef R1_MODEL_KV_CACHE_H_
#define R1_MODEL_KV_CACHE_H_

#include "kernels/buffer.h"
#include "kernels/ops.h"
#include "model/model_config.h"

namespace r1 {

// Page p of every layer holds the same positions of the same sequence.
// Threads: as a plain array.
class KvCache {
 public:
  explicit KvCache(Device* device) : buffer_(device) {}
  KvCache(const ModelConfig& config, int64_t num_pages, Device* device)
      : KvCache(device) {
    Resize(config, num_pages);
  }

  // Makes room for at least `num_pages` pages; the content is lost if it grows.
  void Resize(const ModelConfig& config, int64_t num_pages) {
    pages_.num_kv_heads = config.num_kv_heads;
    pages_.head_dim = config.head_dim;
    num_layers_ = config.num_layers;
    if (num_pages <= num_pages_) return;
    num_pages_ = num_pages;
    const int64_t elements =
        KvPages::PageElements(config.num_kv_heads, config.head_dim);
    pages_.data = buffer_.Reserve(num_layers_ * num_pages, elements,
                                  buffer_.device()->activation_dtype());
  }

  int64_t num_pages() const { return num_pages_; }
  KvPages Layer(int l) const {
    KvPages layer = pages_;
    layer.data = pages_.data.Rows(l * num_pages_, num_pages_);
    return layer;
  }
  // Copies one page in every layer (a shared, partly filled prompt page).
  void CopyPage(int32_t from, int32_t to, Ops* ops) {
    for (int l = 0; l < num_layers_; ++l) {
      const Tensor pages = Layer(l).data;
      ops->Copy(pages.Rows(from, 1), pages.Rows(to, 1));
    }
  }

 private:
  int num_layers_ = 0;
  int64_t num_pages_ = 0;  // of a layer
  KvPages pages_;          // of all layers
  Buffer buffer_;
};

}  // namespace r1

#endif  // R1_MODEL_KV_CACHE_H_

// The product with the transpose of a weight matrix.
#ifndef R1_KERNELS_CPU_LINEAR_H_
#define R1_KERNELS_CPU_LINEAR_H_

#include <cstdint>

#include "kernels/linear.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// The data of a matrix in bf16.
inline uint16_t* Bf16Of(const Linear& w) {
  return static_cast<uint16_t*>(DeviceAccess::Pointer(w.data.at()));
}

// dx = dy W: the matrix in the order of this product, made on the way. A
// second copy of all weights would cost more memory than making it costs time:
// one transposition for the rows of a whole call. A large matrix goes through
// the scratch in pieces of its rows, whose sums are one chain all the same.
class TransposedLinear {
 public:
  TransposedLinear(Ops& ops, ThreadPool& pool, const Linear& w,
                   Linear* scratch);

  // dx[t, k] = sum_n dy[t, n] w[n, k], n ascending.
  void MatMul(ConstMat dy, Mat dx);

 private:
  static constexpr int64_t kPieceElements = int64_t{1} << 22;  // 16 MiB

  void Load(int64_t begin, int64_t rows);

  Ops& ops_;
  ThreadPool& pool_;
  const Linear& w_;
  Linear& piece_;
  const int64_t rows_;   // of W in a piece
  int64_t loaded_ = -1;  // first row of the piece in the scratch
};

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_LINEAR_H_

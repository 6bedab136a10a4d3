// Operations on elements and rows: what kernels/ops.h asks for, on a stream.
// Where a tensor may be fp32 or bf16, arithmetic is fp32 and every result is
// rounded once, when it is stored. Sizes may be zero. Shapes are checked
// (R1_CHECK). Reductions have the order that order.h says.
#ifndef R1_KERNELS_CUDA_ELEMENTWISE_H_
#define R1_KERNELS_CUDA_ELEMENTWISE_H_

#include <cstdint>

#include "kernels/cuda/launch.h"
#include "kernels/ops.h"
#include "kernels/tensor.h"

namespace r1::cuda {

// --- Rows (rows.cu) --------------------------------------------------------
// y = x, rounded to the format of y; y += x; y = value; y *= factor.
// Shapes: x, y [N, C], each fp32 or bf16.
void Copy(Tensor x, Tensor y, Stream& stream);
void Add(Tensor x, Tensor y, Stream& stream);
void Fill(float value, Tensor y, Stream& stream);
void Scale(float factor, Tensor y, Stream& stream);

// y[i] = x[ids[i]]: an embedding too. An id that is no row of x gives NaN.
// Shapes: x [N, C], y [T, C], each fp32 or bf16; ids [1, T] int32.
void GatherRows(Tensor x, Tensor ids, Tensor y, Stream& stream);

// dx[ids[g]] += dy[rows[i]], i from begins[g] to begins[g + 1], ascending: the
// tables of GroupRowsById (row_tables.h).
// Shapes: dy [T, C] fp32 or bf16, dx [N, C] fp32; ids [1, G], begins
// [1, G + 1], rows [1, T] int32.
struct RowGroups {
  Tensor ids, begins, rows;
};
void ScatterAddRows(Tensor dy, const RowGroups& groups, Tensor dx,
                    Stream& stream);

// --- Sums over rows (column_sum.cu) ----------------------------------------
// db[c] += sum_t dy[t, c].
// Shapes: dy [T, C] fp32 or bf16, db [1, C] fp32, scratch [Partials(T), C]
// fp32.
int64_t Partials(int64_t rows);
void ColumnSum(Tensor dy, Tensor db, Tensor scratch, Stream& stream);
// The last step: db[c] += sum_p partials[p, c], p ascending.
void AddPartials(Tensor partials, Tensor db, Stream& stream);

// --- RMSNorm (rms_norm.cu) -------------------------------------------------
// As Ops::RmsNormForward. Shapes: x, y [T, groups * D], each fp32 or bf16;
// w [1, D] fp32. y may be x.
void RmsNormForward(Tensor x, Tensor w, int groups, float eps, Tensor y,
                    Stream& stream);
// As Ops::RmsNormBackward; dw = nothing if empty. Shapes: x, dy, dx
// [T, groups * D], each fp32 or bf16 (dx may be dy); w, dw [1, D] fp32; scratch
// [Partials(T * groups), D] fp32, unused without dw.
void RmsNormBackward(Tensor x, Tensor w, int groups, float eps, Tensor dy,
                     Store store, Tensor dx, Tensor dw, Tensor scratch,
                     Stream& stream);

// --- Rotary embedding (rope.cu) --------------------------------------------
// As Ops::Rope, in place. Rows of negative position stay as they are; a
// position that the table lacks gives NaN. Shapes: x [T, heads * D] fp32 or
// bf16, positions [1, T] int32, cos_sin [max_position, D] fp32.
void Rope(Tensor x, int heads, Tensor positions, Tensor cos_sin, bool inverse,
          Stream& stream);

// --- SwiGLU (swiglu.cu) ----------------------------------------------------
// As the functions of Ops. Shapes: gate_up, dgate_up [T, 2F], y, dy [T, F],
// bf16. dgate_up may be gate_up.
void SwiGluForward(Tensor gate_up, Tensor y, Stream& stream);
void SwiGluBackward(Tensor gate_up, Tensor dy, Tensor dgate_up, Stream& stream);

// --- Keys and values (kv_write.cu) -----------------------------------------
// Row writes[i, 0] of k and v goes to slot writes[i, 1] of the cache: slot
// page * kPageTokens + place. The table is that of KvWritesOf (row_tables.h);
// no slot occurs twice. A negative slot is skipped.
// Shapes: k, v [T, K * D] bf16, writes [W, 2] int32; pages
// [num_pages, K * 2 * kPageTokens * D] bf16: for each kv-head keys
// [kPageTokens, D], then values [kPageTokens, D].
void KvWrite(Tensor k, Tensor v, Tensor writes, int num_kv_heads, Tensor pages,
             Stream& stream);

// --- Optimizer (adamw.cu, sum_squares.cu) ----------------------------------
// As Ops::AdamW and with the bits of the CPU's. Dense fp32 tensors of one size.
void AdamW(Tensor params, Tensor grads, Tensor m, Tensor v,
           const AdamWParams& p, Stream& stream);

// sums[0] = the sum of squares of x, in double; NaN or infinity in x gives a
// non-finite one. Shapes: x dense fp32; `sums` holds SumSquaresBlocks(n)
// doubles, which are overwritten, at a multiple of 8 bytes.
int64_t SumSquaresBlocks(int64_t count);
void SumSquares(Tensor x, DevicePtr sums, Stream& stream);

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_ELEMENTWISE_H_

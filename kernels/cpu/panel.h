// The layout of a weight matrix: panels of kPanelOutputs outputs; a panel
// holds, for k = 0, 1, …, depth - 1, its kPanelOutputs weights w[n, k] side by
// side. The last panel is padded with zero outputs.
#ifndef R1_KERNELS_CPU_PANEL_H_
#define R1_KERNELS_CPU_PANEL_H_

namespace r1::cpu {

inline constexpr int kPanelOutputs = 32;

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_PANEL_H_

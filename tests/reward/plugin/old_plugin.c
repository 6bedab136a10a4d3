/* A library in C, built for a version of the ABI that does not exist. */
#include <r1/reward_abi.h>

const r1_reward_plugin_info* r1_reward_plugin(void) {
  static r1_reward_plugin_info info;
  info.abi_version = 999;
  return &info;
}

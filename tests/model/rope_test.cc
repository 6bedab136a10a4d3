#include "model/rope.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "kernels/matrix.h"

namespace r1 {
namespace {

ModelConfig SmallConfig() {
  ModelConfig config;
  config.head_dim = 6;
  config.max_positions = 40;
  config.rope_theta = 500;
  return config;
}

TEST(RotaryTable, HoldsCosinesThenSines) {
  const ModelConfig config = SmallConfig();
  const auto table = RotaryTable(config, CpuDevice());
  ASSERT_EQ(table->count(), 40 * 6);
  for (int p = 0; p < 40; ++p) {
    for (int i = 0; i < 3; ++i) {
      const double angle = p * std::pow(500.0, -2.0 * i / 6);
      const float* row = FloatsOf(*table) + p * 6;
      EXPECT_NEAR(row[i], std::cos(angle), 0x1p-24) << p << " " << i;
      EXPECT_NEAR(row[3 + i], std::sin(angle), 0x1p-24) << p << " " << i;
    }
  }
}

TEST(RotaryTable, IsSharedByAllWithTheSameSettings) {
  ModelConfig config = SmallConfig();
  const auto table = RotaryTable(config, CpuDevice());
  config.num_layers = 7;  // does not enter
  EXPECT_EQ(RotaryTable(config, CpuDevice()), table);
  std::vector<std::shared_ptr<const Buffer>> got(4);
  {
    std::vector<std::jthread> threads;
    for (auto& slot : got) {
      threads.emplace_back([&] { slot = RotaryTable(config, CpuDevice()); });
    }
  }
  for (const auto& slot : got) EXPECT_EQ(slot, table);
}

TEST(RotaryTable, IsAnotherForEachSettingThatEnters) {
  const ModelConfig config = SmallConfig();
  std::vector<ModelConfig> others(4, config);
  others[0].max_positions = 41;
  others[1].head_dim = 8;
  others[2].rope_theta = 501;
  others[3].rope_scaling.kind = RopeScaling::Kind::kLinear;
  others[3].rope_scaling.factor = 2;
  const auto table = RotaryTable(config, CpuDevice());
  std::vector<std::shared_ptr<const Buffer>> tables = {table};
  for (const ModelConfig& other : others) {
    tables.push_back(RotaryTable(other, CpuDevice()));
    EXPECT_EQ(tables.back()->count(), other.max_positions * other.head_dim);
  }
  std::sort(tables.begin(), tables.end());
  EXPECT_EQ(std::unique(tables.begin(), tables.end()), tables.end());
  EXPECT_EQ(RotaryTable(config, CpuDevice()), table);
}

TEST(RotaryTable, LivesAsLongAsItIsHeld) {
  ModelConfig config = SmallConfig();
  config.rope_theta = 777;
  auto table = RotaryTable(config, CpuDevice());
  const std::weak_ptr<const Buffer> seen = table;
  const std::vector<float> values(FloatsOf(*table),
                                  FloatsOf(*table) + table->count());
  table.reset();
  EXPECT_TRUE(seen.expired());
  table = RotaryTable(config, CpuDevice());
  EXPECT_TRUE(std::equal(values.begin(), values.end(), FloatsOf(*table)));
}

}  // namespace
}  // namespace r1

#include "reward/math/sample_points.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "absl/numeric/bits.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace r1::math {
namespace {

constexpr unsigned kSmallWhole = 27;

// FNV-1a: the same on every machine.
uint64_t Hash(absl::string_view text, uint64_t seed) {
  uint64_t hash = 14695981039346656037ull ^ (seed * 0x9E3779B97F4A7C15ull);
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  }
  hash ^= hash >> 29;
  hash *= 0xBF58476D1CE4E5B9ull;
  return hash ^ (hash >> 32);
}

bool HasSymbol(const Node& node) {
  return AnyNode(node,
                 [](const Node& part) { return part.kind == Kind::kSymbol; });
}

bool IsNegative(const Node& node) {
  return node.kind == Kind::kNegate ||
         (node.kind == Kind::kNumber && node.value < 0);
}

// Letters that stand for whole numbers wherever something is counted.
bool IsCountingLetter(const std::string& name) {
  return absl::StrContains("jklmnpqKMN", name[0]);
}

// Positive: 1 to 27 in an order of the name's own, then larger ones.
mpq_class WholeValue(const std::string& name, unsigned point) {
  static constexpr unsigned kStrides[] = {1, 2, 4, 5, 7, 8, 10, 11};
  static constexpr unsigned kSizes[] = {60, 300, 1000, 20000, 1000000};
  const uint64_t order = Hash(name, 0);
  if (point < kSmallWhole) {
    const unsigned stride = kStrides[order % std::size(kStrides)];
    return 1 + (point * stride + order / 8) % kSmallWhole;
  }
  const unsigned size = kSizes[point % std::size(kSizes)];
  return static_cast<unsigned long>(size / 2 + Hash(name, point + 1) % size);
}

}  // namespace

SamplePoints::SamplePoints(const Node& a, const Node& b, bool positive)
    : positive_(positive) {
  Collect(a);
  Collect(b);
}

void SamplePoints::Collect(const Node& node) {
  static constexpr absl::string_view kCounting[] = {
      "factorial", "double factorial", "binom", "bmod", "gcd", "lcm"};
  const bool is_power = node.kind == Kind::kPower &&
                        IsNegative(*node.args[0]) && HasSymbol(*node.args[1]);
  const bool is_step = node.kind == Kind::kCall &&
                       (node.name == "floor" || node.name == "ceil") &&
                       HasSymbol(node);
  const bool is_count = node.kind == Kind::kCall && HasSymbol(node) &&
                        std::find(std::begin(kCounting), std::end(kCounting),
                                  node.name) != std::end(kCounting);
  is_counting_ |= is_power || is_step || is_count;
  if (is_power || is_count) {
    AnyNode(node, [this](const Node& part) {
      if (part.kind == Kind::kSymbol) whole_.insert(part.name);
      return false;
    });
  }
  for (const NodePtr& arg : node.args) Collect(*arg);
}

mpq_class SamplePoints::Value(const std::string& name, int point) const {
  const uint64_t hash = Hash(name, point + 1);
  if (is_counting_ && (whole_.contains(name) || IsCountingLetter(name))) {
    return WholeValue(name, point);
  }
  // Every variable goes through the sizes in one order, from its own place on.
  static constexpr unsigned long kSizes[] = {1, 1, 10, 1, 300, 1, 10, 300000};
  const uint64_t order = Hash(name, 0);
  const unsigned long size = kSizes[(point + order) % std::size(kSizes)];
  // Between 1/4 and 3 times the size.
  mpq_class value(size * (2500 + hash % 27500), 10007);
  value.canonicalize();
  if (is_counting_ && point % 2 == 1) value = mpz_class(value) + 1;
  // At points 0 to 3 every variable takes both signs twice, in one of three
  // patterns, and so on with each pattern turned over after eight points; at
  // later ones the hash decides.
  const unsigned pattern = 1 + order / 8 % 3;
  const bool is_negative =
      point < 16 ? (absl::popcount(pattern & static_cast<unsigned>(point)) +
                    point / 8) %
                       2
                 : (hash >> 40) % 2;
  return is_negative && !positive_ ? mpq_class(-value) : value;
}

}  // namespace r1::math

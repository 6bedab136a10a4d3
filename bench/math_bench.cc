// Processor time of one verdict of the math verifier: median, 99th percentile
// and the slowest, over the golds of tests/data/math_golds.jsonl (each against
// itself), the pairs of tests/data/answer_pairs.jsonl and a list of costly
// ones.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "reward/math/verify.h"

namespace r1 {
namespace {

double ThreadMillis() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1e3 + time.tv_nsec * 1e-6;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs ReadPairs(const std::string& path, const char* gold, const char* answer) {
  Pairs pairs;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    std::string text = row[gold].get<std::string>();
    pairs.emplace_back(
        text, answer == nullptr ? text : row[answer].get<std::string>());
  }
  return pairs;
}

// Close to every budget: towers, long products, many roots, long lists.
Pairs Costly() {
  std::string sines = "1", roots = "1", list = "1", product = "(a+b+c+d)^{60}";
  for (int i = 2; i < 300; ++i) {
    const std::string n = std::to_string(i);
    sines += "+\\sin(" + n + "x)";
    if (i < 25) roots += "+\\sqrt{" + n + "}";
    list += ", \\sqrt{" + n + "}";
    if (i < 20) product += "(a+b+c+d+" + n + ")^{60}";
  }
  return {{"9^{9^{9^9}}", "9^{9^{9^9}}+1"},
          {sines, "2+" + sines},
          {sines, sines + "+0\\cdot x"},
          {"\\frac{1}{" + roots + "}", "\\frac{2}{2(" + roots + ")}"},
          {list, list + ", 1"},
          {product, product + "+1"},
          {"2004!", "2003! \\cdot 2004"},
          {"2^{60000}+1", "2^{60000}"},
          {"\\frac{1}{(x+y+z)^{40}}", "(x+y+z)^{-40}"},
          {"\\frac{1000003 \\cdot 998244353}{7}\\sqrt{998244353}", "1"},
          {std::string(8000, '9'), std::string(8000, '9') + "1"}};
}

void Report(const char* name, const Pairs& pairs) {
  MathOptions options;
  options.mode = MathMode::kWhole;
  std::vector<double> millis;
  size_t num_correct = 0;
  size_t slowest = 0;
  for (const auto& [gold, answer] : pairs) {
    const double start = ThreadMillis();
    const MathResult result = VerifyMath(answer, gold, options);
    millis.push_back(ThreadMillis() - start);
    num_correct += result.verdict == MathVerdict::kCorrect ? 1 : 0;
    if (millis.back() > millis[slowest]) slowest = millis.size() - 1;
  }
  const std::string worst = pairs[slowest].first.substr(0, 40);
  std::sort(millis.begin(), millis.end());
  std::printf(
      "%-14s %6zu pairs, %6zu correct: median %.4f ms, p99 %.4f ms, "
      "max %.3f ms (%s)\n",
      name, pairs.size(), num_correct, millis[millis.size() / 2],
      millis[millis.size() * 99 / 100], millis.back(), worst.c_str());
}

}  // namespace
}  // namespace r1

int main() {
  const std::string data = R1_SOURCE_DIR "/tests/data/";
  r1::Report("math_golds",
             r1::ReadPairs(data + "math_golds.jsonl", "answer", nullptr));
  r1::Report("answer_pairs",
             r1::ReadPairs(data + "answer_pairs.jsonl", "gold", "pred"));
  r1::Report("costly", r1::Costly());
  return 0;
}

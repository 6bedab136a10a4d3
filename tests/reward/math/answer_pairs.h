// The rows of tests/data/answer_pairs.jsonl and tests/data/math_golds.jsonl.
#ifndef R1_TESTS_REWARD_MATH_ANSWER_PAIRS_H_
#define R1_TESTS_REWARD_MATH_ANSWER_PAIRS_H_

#include <fstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "reward/math/options.h"

namespace r1 {

struct AnswerPair {
  std::string id;
  std::string gold;
  std::string answer;
  bool expected = false;
  bool is_policy = false;  // tagged policy:* or disputed:*
  MathMode mode = MathMode::kWhole;
};

// A bare answer is read whole, a completion by its boxes where the data has
// them and whole otherwise.
inline std::vector<AnswerPair> ReadAnswerPairs(const std::string& path) {
  std::vector<AnswerPair> pairs;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    AnswerPair pair;
    pair.id = row["id"].get<std::string>();
    pair.gold = row["gold"].get<std::string>();
    pair.answer = row["pred"].get<std::string>();
    pair.expected = row["expected"].get<bool>();
    pair.is_policy = row.contains("tags") && !row["tags"].empty();
    if (row["pred_kind"] == "completion" &&
        pair.answer.find("boxed{") != std::string::npos) {
      pair.mode = MathMode::kBoxed;
    }
    pairs.push_back(pair);
  }
  return pairs;
}

// The golds of a data set: field "answer".
inline std::vector<std::string> ReadGolds(const std::string& path) {
  std::vector<std::string> golds;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    golds.push_back(row["answer"].get<std::string>());
  }
  return golds;
}

}  // namespace r1

#endif  // R1_TESTS_REWARD_MATH_ANSWER_PAIRS_H_

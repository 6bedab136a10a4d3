// Rewards in C++: derive from r1::plugin::Reward, name the class in
// R1_REWARD_PLUGIN, build a shared object. Needs the standard library alone.
//
//   class SameAnswer : public r1::plugin::Reward {
//    public:
//     explicit SameAnswer(const r1::plugin::Options& options);
//     Result Score(const Item& item) override;
//   };
//   R1_REWARD_PLUGIN(SameAnswer, "1.0", 0, 1, R1_REWARD_DETERMINISTIC)
#ifndef R1_REWARD_PLUGIN_H_
#define R1_REWARD_PLUGIN_H_

#include <r1/reward_abi.h>

#include <cstddef>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace r1::plugin {

// One completion; the views are valid during the call.
struct Item {
  std::string_view prompt;
  std::string_view completion;  // from a model: any value, any length
  std::string_view reference;   // the dataset's fields, a JSON object
  std::string_view answer;      // of these "answer"; empty if there is none
  std::string_view group;       // equal for the samples of one prompt
  int completion_tokens = 0;    // 0 if not known
  bool is_truncated = false;
  int max_new_tokens = 0;  // 0 if not known
  long long step = 0;      // from 1; 0 outside training
};

// A score, or why there is none. Malformed model output is a low score; an
// unusable reference an abstention, which enters no advantage.
struct Result {
  r1_reward_kind kind = R1_REWARD_KIND_ERROR;
  double score = 0;
  std::string detail;  // why, for people: one short line

  static Result Score(double score, std::string detail = "") {
    return {R1_REWARD_KIND_SCORE, score, std::move(detail)};
  }
  static Result Abstain(std::string detail) {
    return {R1_REWARD_KIND_ABSTAIN, 0, std::move(detail)};
  }
  static Result Error(std::string detail) {
    return {R1_REWARD_KIND_ERROR, 0, std::move(detail)};
  }
};

// The options of the configuration, texts by name, read one by one; Finish
// refuses the rest. All throw std::invalid_argument, which reaches the user.
class Options {
 public:
  explicit Options(std::map<std::string, std::string> values)
      : values_(std::move(values)) {}

  std::string Text(const std::string& name, std::string otherwise) {
    const auto it = values_.find(name);
    if (it == values_.end()) return otherwise;
    std::string value = std::move(it->second);
    values_.erase(it);
    return value;
  }
  double Number(const std::string& name, double otherwise) {
    const std::string text = Text(name, "");
    if (text.empty()) return otherwise;
    std::size_t used = 0;
    double value = 0;
    try {
      value = std::stod(text, &used);
    } catch (const std::exception&) {
    }
    if (used != text.size()) {
      throw std::invalid_argument(
          "option \"" + name + "\": expected a number, got \"" + text + "\"");
    }
    return value;
  }
  void Finish() const {
    if (values_.empty()) return;
    throw std::invalid_argument("unknown option \"" + values_.begin()->first +
                                "\"");
  }

 private:
  std::map<std::string, std::string> values_;
};

class Reward {
 public:
  using Item = plugin::Item;
  using Result = plugin::Result;
  virtual ~Reward() = default;

  // One of Score and ScoreGroup is written. An exception is an error of the
  // sample.
  virtual Result Score(const Item& item);
  // With R1_REWARD_COMPARES_SAMPLES: one result a sample of one prompt.
  virtual std::vector<Result> ScoreGroup(const std::vector<Item>& items);
};

inline Result Reward::Score(const Item&) {
  return Result::Error("neither Score nor ScoreGroup is written");
}
inline std::vector<Result> Reward::ScoreGroup(const std::vector<Item>& items) {
  std::vector<Result> results;
  for (const Item& item : items) results.push_back(Score(item));
  return results;
}

namespace internal {

inline std::string_view ViewOf(const r1_text& text) {
  return {text.data, text.size};
}

inline Item ViewOf(const r1_reward_item& item) {
  return {
      ViewOf(item.prompt),    ViewOf(item.completion), ViewOf(item.reference),
      ViewOf(item.answer),    ViewOf(item.group),      item.completion_tokens,
      item.is_truncated != 0, item.max_new_tokens,     item.step};
}

inline void Put(const r1_reward_sink& sink, std::size_t index,
                const Result& result) {
  sink.put(sink.self, index, result.kind, result.score,
           {result.detail.data(), result.detail.size()});
}

template <typename T>
void* Create(const r1_reward_option* options, std::size_t count,
             void* fail_self, void (*fail)(void* fail_self, r1_text message)) {
  std::string message = "threw";
  try {
    std::map<std::string, std::string> values;
    for (std::size_t i = 0; i < count; ++i) {
      values[std::string(ViewOf(options[i].name))] = ViewOf(options[i].value);
    }
    Options reader(std::move(values));
    return static_cast<Reward*>(new T(reader));
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
  }
  fail(fail_self, {message.data(), message.size()});
  return nullptr;
}

template <unsigned kFlags>
void ScoreAll(void* self, const r1_reward_item* const* items, std::size_t count,
              const r1_reward_sink* sink) {
  Reward& reward = *static_cast<Reward*>(self);
  constexpr bool kGroups = (kFlags & R1_REWARD_COMPARES_SAMPLES) != 0;
  for (std::size_t begin = 0, end = 0; begin < count; begin = end) {
    end = begin + 1;
    std::vector<Item> group = {ViewOf(*items[begin])};
    while (kGroups && end < count &&
           ViewOf(*items[end]).group == group[0].group) {
      group.push_back(ViewOf(*items[end++]));
    }
    std::vector<Result> results;
    std::string fault;
    try {
      if (kGroups) {
        results = reward.ScoreGroup(group);
      } else {
        results.push_back(reward.Score(group[0]));
      }
      if (results.size() != group.size()) {
        fault = "gave " + std::to_string(results.size()) + " results for " +
                std::to_string(group.size()) + " samples";
      }
    } catch (const std::exception& error) {
      fault = std::string("threw: ") + error.what();
    } catch (...) {
      fault = "threw";
    }
    for (std::size_t i = begin; i < end; ++i) {
      Put(*sink, i, fault.empty() ? results[i - begin] : Result::Error(fault));
    }
  }
}

inline void Destroy(void* self) { delete static_cast<Reward*>(self); }

}  // namespace internal
}  // namespace r1::plugin

// Exports `Class`, which is constructed from Options&, with the author's
// version, the range of its scores and its R1_REWARD_... flags.
#define R1_REWARD_PLUGIN(Class, version, lowest, highest, flags)       \
  extern "C" __attribute__((visibility("default")))                    \
  const r1_reward_plugin_info*                                         \
  r1_reward_plugin(void) {                                             \
    static const r1_reward_plugin_info info = {                        \
        R1_REWARD_ABI_VERSION,                                         \
        (flags),                                                       \
        (version),                                                     \
        (lowest),                                                      \
        (highest),                                                     \
        &r1::plugin::internal::Create<Class>,                          \
        &r1::plugin::internal::ScoreAll<static_cast<unsigned>(flags)>, \
        &r1::plugin::internal::Destroy};                               \
    return &info;                                                      \
  }

#endif  // R1_REWARD_PLUGIN_H_

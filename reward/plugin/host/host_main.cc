// The process that r1 starts for a plugin. `r1-reward-host -- COMMAND` runs
// that command. `r1-reward-host LIBRARY` serves a reward in a shared object as
// JSON lines (reward/plugin/messages.h): the library is descriptor kLibraryFd,
// lines are on standard input and output; what it prints goes to standard
// error.
#include <dlfcn.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"
#include "reward/plugin/host/library_fd.h"
#include "reward/plugin/host/supervise.h"
#include "reward/plugin/include/r1/reward_abi.h"

namespace {

using Json = nlohmann::ordered_json;

// Most items of one call.
constexpr size_t kMaxBatch = 256;

int g_output = -1;

void WriteLine(const Json& object) {
  static std::mutex mutex;
  std::string line =
      object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  const std::lock_guard<std::mutex> lock(mutex);
  for (size_t done = 0; done < line.size();) {
    const ssize_t n = ::write(g_output, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) ::_exit(0);  // nobody reads any more
    done += n;
  }
}

int Refuse(const std::string& reason) {
  WriteLine({{"error", reason}});
  return 1;
}

// Lines of standard input, without stdio's buffer so that it is known whether
// more has arrived.
class LineReader {
 public:
  // False at the end of the input.
  bool Next(std::string* line) {
    for (;;) {
      const size_t end = buffer_.find('\n', scanned_);
      if (end != std::string::npos) {
        line->assign(buffer_, start_, end - start_);
        start_ = scanned_ = end + 1;
        return true;
      }
      scanned_ = buffer_.size();
      if (!Fill()) return false;
    }
  }

  // Whether Next would not wait for a line to begin.
  bool has_more() {
    if (start_ < buffer_.size()) return true;
    pollfd input = {0, POLLIN, 0};
    return ::poll(&input, 1, 0) == 1 && (input.revents & POLLIN) != 0;
  }

 private:
  bool Fill() {
    buffer_.erase(0, start_);
    scanned_ -= start_;
    start_ = 0;
    char chunk[1 << 16];
    const ssize_t n = ::read(0, chunk, sizeof(chunk));
    if (n <= 0) return false;
    buffer_.append(chunk, n);
    return true;
  }

  std::string buffer_;
  size_t start_ = 0, scanned_ = 0;
};

// An item with the memory it points to.
struct OwnedItem {
  std::string id, prompt, completion, reference, answer, group;
  r1_reward_item view = {};

  explicit OwnedItem(const Json& line)
      : id(line.at("id").get<std::string>()),
        prompt(line.value("prompt", "")),
        completion(line.value("completion", "")),
        reference(line.at("reference")
                      .dump(-1, ' ', false, Json::error_handler_t::replace)),
        answer(AnswerOf(line.at("reference"))),
        group(line.value("group", "")) {
    view.struct_size = sizeof(view);
    view.prompt = {prompt.data(), prompt.size()};
    view.completion = {completion.data(), completion.size()};
    view.reference = {reference.data(), reference.size()};
    view.answer = {answer.data(), answer.size()};
    view.group = {group.data(), group.size()};
    view.completion_tokens = line.value("completion_tokens", 0);
    view.is_truncated = line.value("is_truncated", false);
    view.max_new_tokens = line.value("max_new_tokens", 0);
    view.step = line.value("step", int64_t{0});
  }
  OwnedItem(const OwnedItem&) = delete;

  static std::string AnswerOf(const Json& reference) {
    const auto it = reference.find("answer");
    if (it == reference.end() || it->is_null()) return "";
    if (it->is_string()) return it->get<std::string>();
    return it->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
};

struct Batch {
  std::vector<std::unique_ptr<OwnedItem>> items;
  std::vector<std::atomic<bool>> is_answered;

  explicit Batch(std::vector<std::unique_ptr<OwnedItem>> items)
      : items(std::move(items)), is_answered(this->items.size()) {}
};

void PutResult(Batch* batch, size_t index, r1_reward_kind kind, double score,
               const std::string& detail) {
  Json result = {{"id", batch->items[index]->id}};
  if (kind == R1_REWARD_KIND_SCORE) {
    result["kind"] = "score";
    // JSON has no NaN: as text it is refused by whoever reads it.
    result["score"] =
        std::isfinite(score) ? Json(score) : Json(std::to_string(score));
  } else {
    result["kind"] = kind == R1_REWARD_KIND_ABSTAIN ? "abstain" : "error";
  }
  result["detail"] = detail;
  WriteLine(result);
}

// The part of a batch that one thread scores.
struct Share {
  Batch* batch;
  size_t begin;
  size_t count;

  void Score(const r1_reward_plugin_info& plugin, void* reward) {
    std::vector<const r1_reward_item*> views;
    for (size_t i = 0; i < count; ++i) {
      views.push_back(&batch->items[begin + i]->view);
    }
    const r1_reward_sink sink = {this, &Share::Put};
    plugin.score(reward, views.data(), count, &sink);
  }

  static void Put(void* self, size_t index, r1_reward_kind kind, double score,
                  r1_text detail) {
    const Share& share = *static_cast<Share*>(self);
    if (index >= share.count) {
      std::fprintf(stderr, "a result for sample %zu of %zu\n", index,
                   share.count);
      return;
    }
    const size_t place = share.begin + index;
    if (share.batch->is_answered[place].exchange(true)) {
      std::fprintf(stderr, "a second result for a sample\n");
      return;
    }
    PutResult(share.batch, place, kind, score, {detail.data, detail.size});
  }
};

void ScoreBatch(const r1_reward_plugin_info& plugin, void* reward,
                Batch* batch) {
  const size_t count = batch->items.size();
  const bool splits = (plugin.flags & R1_REWARD_THREAD_SAFE) != 0 &&
                      (plugin.flags & R1_REWARD_COMPARES_SAMPLES) == 0;
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const size_t parts = splits ? std::min(cores, count) : 1;
  std::vector<Share> shares;
  for (size_t p = 0; p < parts; ++p) {
    const size_t begin = count * p / parts;
    shares.push_back({batch, begin, count * (p + 1) / parts - begin});
  }
  std::vector<std::thread> threads;
  for (size_t p = 1; p < parts; ++p) {
    threads.emplace_back([&, p] { shares[p].Score(plugin, reward); });
  }
  shares[0].Score(plugin, reward);
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < count; ++i) {
    if (batch->is_answered[i]) continue;
    PutResult(batch, i, R1_REWARD_KIND_ERROR, 0, "gave no result");
  }
}

// The next items: what has arrived, and whole groups. Empty at the end.
std::vector<std::unique_ptr<OwnedItem>> ReadBatch(LineReader* reader) {
  std::vector<std::unique_ptr<OwnedItem>> items;
  size_t missing = 0;  // items of the last group that are still to come
  std::string line;
  while (items.size() < kMaxBatch || missing > 0) {
    if (!items.empty() && missing == 0 && !reader->has_more()) break;
    if (!reader->Next(&line)) break;
    const Json object = Json::parse(line);
    items.push_back(std::make_unique<OwnedItem>(object));
    missing =
        missing > 0 ? missing - 1 : object.value("group_size", size_t{1}) - 1;
  }
  return items;
}

int Serve(const Json& hello, LineReader* reader) {
  const std::string path = "/proc/self/fd/" + std::to_string(r1::kLibraryFd);
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Refuse(::dlerror());
  void* symbol = ::dlsym(library, "r1_reward_plugin");
  if (symbol == nullptr) {
    return Refuse(
        "exports no r1_reward_plugin: see <r1/reward_plugin.h> and "
        "R1_REWARD_PLUGIN");
  }
  const auto* plugin =
      reinterpret_cast<const r1_reward_plugin_info* (*)()>(symbol)();
  if (plugin->abi_version != R1_REWARD_ABI_VERSION) {
    return Refuse("is built for version " +
                  std::to_string(plugin->abi_version) +
                  " of the plugin ABI, expected " +
                  std::to_string(R1_REWARD_ABI_VERSION) +
                  ": build it against this r1.cpp");
  }
  std::vector<std::string> texts;
  for (const auto& [name, value] : hello.at("options").items()) {
    texts.push_back(name);
    texts.push_back(value.get<std::string>());
  }
  std::vector<r1_reward_option> options;
  for (size_t t = 0; t < texts.size(); t += 2) {
    options.push_back({{texts[t].data(), texts[t].size()},
                       {texts[t + 1].data(), texts[t + 1].size()}});
  }
  std::string fault = "gave no reward";
  void* reward = plugin->create(
      options.data(), options.size(), &fault, [](void* self, r1_text message) {
        static_cast<std::string*>(self)->assign(message.data, message.size);
      });
  if (reward == nullptr) return Refuse(fault);
  WriteLine({{"version", plugin->version},
             {"range", {plugin->lowest, plugin->highest}},
             {"deterministic", (plugin->flags & R1_REWARD_DETERMINISTIC) != 0},
             {"compares_samples",
              (plugin->flags & R1_REWARD_COMPARES_SAMPLES) != 0}});
  for (;;) {
    auto items = ReadBatch(reader);
    if (items.empty()) break;
    Batch batch(std::move(items));
    ScoreBatch(*plugin, reward, &batch);
  }
  plugin->destroy(reward);
  return 0;
}

int ServeLibrary() {
  g_output = ::dup(1);
  ::dup2(2, 1);
  LineReader reader;
  std::string line;
  if (!reader.Next(&line)) return 0;
  try {
    return Serve(Json::parse(line), &reader);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "reward host: %s\n", error.what());
    return 1;
  }
}

int RunCommand(char** command) {
  ::execvp(command[0], command);
  std::perror(command[0]);
  return 127;
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_command = argc > 2 && std::strcmp(argv[1], "--") == 0;
  r1::Supervise(
      [&] { return is_command ? RunCommand(argv + 2) : ServeLibrary(); });
}

#include "pipeline/report/report_graph.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "absl/time/time.h"
#include "pipeline/screen/progress.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

constexpr double kNodeHeight = 1, kLaneHeight = 0.3;

struct Edge {
  int from, to;
  const char* kind;
};

// A node, or where an edge passes a layer.
struct Item {
  double height;
  int rank;                 // of the first stage it is or leads to
  std::vector<int> before;  // items of the layer before that lead to it
  double row = 0;           // its middle
};

class Layout {
 public:
  explicit Layout(const std::vector<RunStage>& stages) {
    for (const RunStage& stage : stages) AddStage(stage.config);
    for (const Edge& edge : edges_) Route(edge);
    for (std::vector<int>& layer : layers_) Place(&layer);
    Normalise();
  }

  int num_layers() const { return static_cast<int>(layers_.size()); }
  double num_rows() const { return num_rows_; }
  int layer(int node) const { return layer_[node]; }
  double row(int item) const { return items_[item].row; }
  const std::vector<Edge>& edges() const { return edges_; }
  // The items of an edge, from layer to layer.
  const std::vector<int>& path(size_t edge) const { return paths_[edge]; }

 private:
  // Those it needs are there, as they come before it.
  void AddStage(const StageConfig& stage) {
    const int node = static_cast<int>(layer_.size());
    int layer = 0;
    for (const std::string& input : StageInputs(stage)) {
      const auto it = index_.find(input);
      if (it != index_.end()) layer = std::max(layer, layer_[it->second] + 1);
    }
    const auto connect = [&](const std::string& input, const char* kind) {
      const auto it = index_.find(input);
      if (it != index_.end()) edges_.push_back({it->second, node, kind});
    };
    connect(stage.from(), "from");
    for (const std::string& data : stage.data_stage()) connect(data, "data");
    for (const std::string& judge : RewardModelsOf(stage)) {
      connect(judge, "judge");
    }
    index_[stage.name()] = node;
    layer_.push_back(layer);
    items_.push_back({kNodeHeight, node, {}});
    if (static_cast<int>(layers_.size()) <= layer) layers_.resize(layer + 1);
    layers_[layer].push_back(node);
  }

  void Route(const Edge& edge) {
    std::vector<int>& path = paths_.emplace_back();
    path.push_back(edge.from);
    for (int layer = layer_[edge.from] + 1; layer < layer_[edge.to]; ++layer) {
      const auto [it, is_new] = lanes_.try_emplace(
          {edge.from, edge.kind, layer}, static_cast<int>(items_.size()));
      if (is_new) {
        items_.push_back({kLaneHeight, edge.to, {path.back()}});
        layers_[layer].push_back(it->second);
      }
      path.push_back(it->second);
    }
    items_[edge.to].before.push_back(path.back());
    path.push_back(edge.to);
  }

  // Each near the middle of what leads to it, none over another; of several
  // that come from one place the first stages are on top, so that few edges
  // cross.
  void Place(std::vector<int>* layer) {
    std::map<int, double> wanted;
    for (const int i : *layer) {
      double sum = 0;
      for (const int b : items_[i].before) sum += items_[b].row;
      const double count = static_cast<double>(items_[i].before.size());
      wanted[i] = count > 0 ? sum / count : 0;
    }
    std::sort(layer->begin(), layer->end(), [&](int a, int b) {
      return std::pair(wanted[a], items_[a].rank) <
             std::pair(wanted[b], items_[b].rank);
    });
    double shift = 0, end = 0;
    for (size_t k = 0; k < layer->size(); ++k) {
      Item& item = items_[(*layer)[k]];
      const double want = wanted[(*layer)[k]];
      item.row = k == 0 ? want : std::max(want, end + item.height / 2);
      end = item.row + item.height / 2;
      shift += (want - item.row) / static_cast<double>(layer->size());
    }
    for (const int i : *layer) items_[i].row += shift;
  }

  void Normalise() {
    double top = 0, bottom = 0;
    for (const Item& item : items_) {
      top = std::min(top, item.row - item.height / 2);
      bottom = std::max(bottom, item.row + item.height / 2);
    }
    for (Item& item : items_) item.row -= top;
    num_rows_ = bottom - top;
  }

  std::map<std::string, int> index_;
  std::vector<int> layer_;   // by node
  std::vector<Item> items_;  // the nodes, then the lanes
  std::vector<std::vector<int>> layers_;
  std::vector<Edge> edges_;
  std::vector<std::vector<int>> paths_;
  std::map<std::tuple<int, std::string, int>, int> lanes_;
  double num_rows_ = 0;
};

const char* StateName(RunStage::State state) {
  switch (state) {
    case RunStage::State::kDone:
      return "done";
    case RunStage::State::kBegun:
      return "begun";
    case RunStage::State::kWaiting:
      return "waiting";
  }
  return "";
}

double Rounded(double value) { return std::round(value * 1000) / 1000; }

}  // namespace

ReportJson MakeGraph(const std::vector<RunStage>& stages) {
  const Layout layout(stages);
  ReportJson nodes = ReportJson::array(), edges = ReportJson::array();
  for (size_t i = 0; i < stages.size(); ++i) {
    const RunStage& stage = stages[i];
    const int node = static_cast<int>(i);
    nodes.push_back({{"name", stage.config.name()},
                     {"kind", StageKind(stage.config)},
                     {"state", StateName(stage.state)},
                     {"time", stage.seconds.value_or(0) > 0
                                  ? FormatSpan(absl::Seconds(*stage.seconds))
                                  : ""},
                     {"layer", layout.layer(node)},
                     {"row", Rounded(layout.row(node))}});
  }
  for (size_t e = 0; e < layout.edges().size(); ++e) {
    const Edge& edge = layout.edges()[e];
    ReportJson path = ReportJson::array();
    int layer = layout.layer(edge.from);
    for (const int item : layout.path(e)) {
      path.push_back({layer++, Rounded(layout.row(item))});
    }
    edges.push_back({{"kind", edge.kind}, {"path", std::move(path)}});
  }
  return {{"layers", layout.num_layers()},
          {"rows", Rounded(layout.num_rows())},
          {"nodes", std::move(nodes)},
          {"edges", std::move(edges)}};
}

}  // namespace r1

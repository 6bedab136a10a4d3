// The report's drawing of a recipe: its stages as a graph, laid out from left
// to right.
#ifndef R1_PIPELINE_REPORT_REPORT_GRAPH_H_
#define R1_PIPELINE_REPORT_REPORT_GRAPH_H_

#include <vector>

#include "pipeline/folder/run_stages.h"
#include "pipeline/report/report_json.h"

namespace r1 {

// {layers, rows, nodes, edges}: `layers` columns and a height of `rows`, where
// a node has height 1.
//   nodes: {name, kind, state, time, layer, row}; state is "done", "begun" or
//          "waiting", row the middle of the node
//   edges: {kind, path}; kind is "from", "data" or "judge", path the
//          [layer, row] that the edge passes, those of its nodes included
// A stage stands one layer after the last of those it needs. An edge across
// layers keeps a lane of its own in each, shared by the edges of one kind that
// leave the same stage, so that none runs through a node. What a stage
// compares is no edge.
ReportJson MakeGraph(const std::vector<RunStage>& stages);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_GRAPH_H_

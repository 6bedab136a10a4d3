#include "pipeline/store/run_rows.h"

#include <cstring>
#include <map>
#include <type_traits>

#include "nlohmann/json.hpp"

namespace r1 {
namespace {

template <typename T>
void FromBlob(absl::string_view blob,
              google::protobuf::RepeatedField<T>* values) {
  values->Resize(static_cast<int>(blob.size() / sizeof(T)), T{});
  if (values->empty()) return;  // its data may be null, which memcpy refuses
  std::memcpy(values->mutable_data(), blob.data(), values->size() * sizeof(T));
}

using Json = nlohmann::ordered_json;

std::string Dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// By name: a protobuf map has no order.
template <typename Value>
Json ToJson(const google::protobuf::Map<std::string, Value>& map) {
  return std::map<std::string, Value>(map.begin(), map.end());
}

// Null for what is no JSON.
Json Parsed(absl::string_view json) {
  Json value = Json::parse(json.begin(), json.end(), /*cb=*/nullptr,
                           /*allow_exceptions=*/false);
  return value.is_discarded() ? Json() : value;
}

template <typename Value>
void FromJson(absl::string_view json,
              google::protobuf::Map<std::string, Value>* map) {
  const Json object = Parsed(json);
  for (const auto& [name, value] : object.items()) {
    const bool fits =
        std::is_same_v<Value, double> ? value.is_number() : value.is_string();
    if (fits) (*map)[name] = value.template get<Value>();
  }
}

void ComponentsFromJson(absl::string_view json, RewardResult* reward) {
  const Json object = Parsed(json);
  for (const auto& [name, value] : object.items()) {
    RewardComponent* component = reward->add_components();
    component->set_name(name);
    if (value.is_number()) component->set_value(value.get<double>());
  }
}

}  // namespace

const char kSelectSamples[] =
    "SELECT t.step, t.prompt_id, t.sample_index, t.policy_version, "
    "t.finish_reason, t.tokens, t.logprobs, t.completion, p.source, "
    "p.question, p.reference, p.tokens, r.kind, r.total, r.components, "
    "r.detail, a.advantage, r.raw_total, r.versions, t.worker, "
    "r.not_applicable, r.metrics, r.extracted FROM "
    "trajectories t "
    "JOIN prompts p USING(stage, prompt_id) "
    "LEFT JOIN rewards r USING(stage, step, prompt_id, sample_index) "
    "LEFT JOIN advantages a USING(stage, step, prompt_id, sample_index) ";

SampleView ReadSample(const Statement& row) {
  SampleView view;
  view.step = row.Int(0);
  Trajectory& trajectory = view.record.trajectory;
  trajectory.set_prompt_id(row.Int(1));
  trajectory.set_sample_index(static_cast<uint32_t>(row.Int(2)));
  trajectory.set_policy_version(row.Int(3));
  trajectory.set_finish_reason(FinishReasonFromName(row.Bytes(4)));
  FromBlob(row.Bytes(5), trajectory.mutable_tokens());
  FromBlob(row.Bytes(6), trajectory.mutable_logprobs());
  trajectory.set_worker(std::string(row.Bytes(19)));
  view.record.completion = std::string(row.Bytes(7));
  Prompt& prompt = view.record.prompt;
  prompt.set_id(row.Int(1));
  prompt.set_source(std::string(row.Bytes(8)));
  prompt.set_question(std::string(row.Bytes(9)));
  prompt.set_reference(std::string(row.Bytes(10)));
  FromBlob(row.Bytes(11), prompt.mutable_token_ids());
  if (!row.IsNull(12)) {
    RewardResult& reward = view.record.reward.emplace();
    reward.set_kind(RewardKindFromName(row.Bytes(12)));
    reward.set_total(row.Double(13));
    ComponentsFromJson(row.Bytes(14), &reward);
    reward.set_detail(std::string(row.Bytes(15)));
    reward.set_raw_total(row.Double(17));
    FromJson(row.Bytes(18), reward.mutable_versions());
    const Json not_applicable = Parsed(row.Bytes(20));
    for (const Json& rule : not_applicable) {
      if (rule.is_string()) reward.add_not_applicable(rule.get<std::string>());
    }
    FromJson(row.Bytes(21), reward.mutable_metrics());
    FromJson(row.Bytes(22), reward.mutable_extracted());
  }
  if (!row.IsNull(16)) view.advantage = row.Double(16);
  return view;
}

const char* FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FINISH_END_TOKEN:
      return "end_token";
    case FINISH_STOP_STRING:
      return "stop_string";
    case FINISH_LENGTH:
      return "length";
    default:
      return "unspecified";
  }
}

FinishReason FinishReasonFromName(absl::string_view name) {
  for (FinishReason reason :
       {FINISH_END_TOKEN, FINISH_STOP_STRING, FINISH_LENGTH}) {
    if (name == FinishReasonName(reason)) return reason;
  }
  return FINISH_UNSPECIFIED;
}

RewardKind RewardKindFromName(absl::string_view name) {
  for (RewardKind kind : {REWARD_SCORE, REWARD_ABSTAIN, REWARD_ERROR,
                          REWARD_TIMEOUT, REWARD_NOT_APPLICABLE}) {
    if (name == RewardKindName(kind)) return kind;
  }
  return REWARD_UNSPECIFIED;
}

RewardColumns ColumnsOf(const RewardResult& reward) {
  Json components = Json::object();
  for (const RewardComponent& c : reward.components()) {
    components[c.name()] = c.value();
  }
  return {Dump(components), Dump(ToJson(reward.versions())),
          Dump(Json(reward.not_applicable())), Dump(ToJson(reward.metrics())),
          Dump(ToJson(reward.extracted()))};
}

}  // namespace r1

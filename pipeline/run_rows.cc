#include "pipeline/run_rows.h"

#include <cstring>

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

}  // namespace

const char kSelectSamples[] =
    "SELECT t.step, t.prompt_id, t.sample_index, t.policy_version, "
    "t.finish_reason, t.tokens, t.logprobs, t.completion, p.source, "
    "p.question, p.reference, p.tokens, r.kind, r.total, r.components, "
    "r.detail, a.advantage, r.raw_total, r.versions, t.worker FROM "
    "trajectories t "
    "JOIN prompts p USING(prompt_id) "
    "LEFT JOIN rewards r USING(step, prompt_id, sample_index) "
    "LEFT JOIN advantages a USING(step, prompt_id, sample_index) ";

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
    VersionsFromJson(row.Bytes(18), &reward);
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

std::string VersionsToJson(const RewardResult& reward) {
  // By name: a protobuf map has no order.
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, version] : reward.versions()) object[name] = version;
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void VersionsFromJson(absl::string_view json, RewardResult* reward) {
  const auto object = nlohmann::json::parse(
      json.begin(), json.end(), /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return;
  for (const auto& [name, version] : object.items()) {
    if (!version.is_string()) continue;
    (*reward->mutable_versions())[name] = version.get<std::string>();
  }
}

std::string ComponentsToJson(const RewardResult& reward) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const RewardComponent& c : reward.components()) {
    object[c.name()] = c.value();
  }
  return object.dump(-1, ' ', false,
                     nlohmann::ordered_json::error_handler_t::replace);
}

void ComponentsFromJson(absl::string_view json, RewardResult* reward) {
  const auto object = nlohmann::ordered_json::parse(
      json.begin(), json.end(), /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return;
  for (const auto& [name, value] : object.items()) {
    RewardComponent* component = reward->add_components();
    component->set_name(name);
    if (value.is_number()) component->set_value(value.get<double>());
  }
}

}  // namespace r1

#include "apps/training/run_state.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "engine/files.h"
#include "kernels/check.h"
#include "weights/array_file.h"

namespace karyon {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kFormat = "1";
constexpr const char* kModel = "model/";
constexpr const char* kOptimizer = "optimizer/";

fs::path state_file(const fs::path& run) { return run / "state" / "last.safetensors"; }

Json to_json(const Scores& s) { return {s.loss, s.accuracy, s.iou, s.dice}; }

Scores scores_from(const Json& json) {
  return {json.at(0).get<double>(), json.at(1).get<double>(), json.at(2).get<double>(), json.at(3).get<double>()};
}

Json to_json(const EpochResult& r) {
  return {{"epoch", r.epoch},
          {"train", to_json(r.train)},
          {"validation", to_json(r.validation)},
          {"learning_rate", r.learning_rate},
          {"images_per_second", r.images_per_second},
          {"wall_seconds", r.wall_seconds},
          {"memory_mb", r.memory_mb}};
}

EpochResult result_from(const Json& json) {
  EpochResult r;
  r.epoch = json.at("epoch").get<int>();
  r.train = scores_from(json.at("train"));
  r.validation = scores_from(json.at("validation"));
  r.learning_rate = json.at("learning_rate").get<double>();
  r.images_per_second = json.at("images_per_second").get<double>();
  r.wall_seconds = json.at("wall_seconds").get<double>();
  r.memory_mb = json.at("memory_mb").get<double>();
  return r;
}

Json to_json(const EpochCounts& c) {
  return {c.sum.loss_sum,          c.sum.pixels, c.sum.correct, c.sum.true_foreground, c.sum.predicted_foreground,
          c.sum.common_foreground, c.steps,      c.bad_step};
}

EpochCounts counts_from(const Json& json) {
  const auto whole = [&](std::size_t i) { return json.at(i).get<std::int64_t>(); };
  EpochCounts c;
  c.sum = {json.at(0).get<double>(), whole(1), whole(2), whole(3), whole(4), whole(5)};
  c.steps = whole(6);
  c.bad_step = whole(7);
  return c;
}

std::vector<std::uint8_t> encode(const RunState& state) {
  Json json{{"config", state.config},
            {"split", state.split},
            {"epoch", state.epoch},
            {"step", state.step},
            {"counts", to_json(state.counts)},
            {"wall_seconds", state.wall_seconds}};
  json["history"] = Json::array();
  for (const EpochResult& r : state.history) json["history"].push_back(to_json(r));
  ArrayFile file;
  file.metadata = {{"karyon_state", kFormat}, {"run", json.dump()}};
  for (const NamedArray& array : state.model) file.arrays.push_back({kModel + array.name, array.shape, array.values});
  for (const NamedArray& array : state.optimizer) {
    file.arrays.push_back({kOptimizer + array.name, array.shape, array.values});
  }
  return encode_arrays(file);
}

RunState decode(std::vector<std::uint8_t> bytes, const std::string& source) {
  ArrayFile file = decode_arrays(std::move(bytes), source);
  if (file.metadata["karyon_state"] != kFormat) {
    throw Error(Exit::bad_data, source + " is a state of format '" + file.metadata["karyon_state"] +
                                    "', this program reads format " + kFormat);
  }
  RunState state;
  try {
    const Json json = Json::parse(file.metadata["run"]);
    state.config = json.at("config").get<std::string>();
    state.split = json.at("split").get<std::string>();
    state.epoch = json.at("epoch").get<int>();
    state.step = json.at("step").get<int>();
    state.counts = counts_from(json.at("counts"));
    state.wall_seconds = json.at("wall_seconds").get<double>();
    for (const Json& result : json.at("history")) state.history.push_back(result_from(result));
  } catch (const Json::exception& error) {
    throw Error(Exit::bad_data, source + ": the state of the run cannot be read: " + error.what());
  }
  for (NamedArray& array : file.arrays) {
    const bool is_model = array.name.starts_with(kModel);
    array.name.erase(0, std::string(is_model ? kModel : kOptimizer).size());
    (is_model ? state.model : state.optimizer).push_back(std::move(array));
  }
  return state;
}

}  // namespace

void save_state(const fs::path& run, const RunState& state) { write_file_verified(state_file(run), encode(state)); }

std::optional<RunState> load_state(const fs::path& run, std::string& warning) {
  const fs::path last = state_file(run), previous = previous_of(last);
  std::optional<Error> broken;
  for (const fs::path& file : {last, previous}) {
    std::error_code ignored;
    if (!fs::exists(file, ignored)) continue;
    try {
      RunState state = decode(read_file(file), file.string());
      if (broken) warning = std::string(broken->what()) + "; going on from the one before it, " + file.string();
      return state;
    } catch (const Error& error) {
      if (error.code() != Exit::bad_data) throw;
      if (!broken) broken = error;
    }
  }
  if (broken) throw Error(broken->code(), broken->what());
  return std::nullopt;
}

}  // namespace karyon

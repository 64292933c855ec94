#include "apps/training/run_state.h"

#include <algorithm>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "engine/files.h"
#include "kernels/check.h"
#include "weights/array_file.h"
#include "weights/numbers.h"

namespace karyon {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kFormat = "1";
constexpr const char* kUntrained = "model/";
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

// JSON has no infinity, which the best loss is at first.
PlateauState plateau_from(const Json& json) {
  const auto number = [&](std::size_t i) { return parse_number<double>(json.at(i).get<std::string>()).value_or(0); };
  return {number(0), number(1), json.at(2).get<int>()};
}

ArrayFile array_file(RunState state) {
  Json json{{"config", state.config},
            {"split", state.split},
            {"epoch", state.epoch},
            {"optimizer_steps", state.optimizer.steps},
            {"plateau", {number_text(state.plateau.rate), number_text(state.plateau.best), state.plateau.wait}},
            {"step", state.step},
            {"counts", to_json(state.counts)},
            {"wall_seconds", state.wall_seconds}};
  json["history"] = Json::array();
  for (const EpochResult& r : state.history) json["history"].push_back(to_json(r));
  ArrayFile file;
  file.metadata = {{"karyon_state", kFormat}, {"run", json.dump()}};
  for (NamedArray& array : state.untrained) {
    file.arrays.push_back({kUntrained + array.name, std::move(array.shape), std::move(array.values)});
  }
  for (auto& [name, values] : state.optimizer.arrays) {
    const auto size = static_cast<std::int64_t>(values.size());
    file.arrays.push_back({kOptimizer + name, {size}, std::move(values)});
  }
  return file;
}

RunState decode(std::vector<std::uint8_t> bytes, const std::string& source) {
  ArrayFile file = decode_arrays(SafetensorsFile(std::move(bytes), source), source);
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
    state.optimizer.steps = json.at("optimizer_steps").get<std::int64_t>();
    state.plateau = plateau_from(json.at("plateau"));
    state.counts = counts_from(json.at("counts"));
    state.wall_seconds = json.at("wall_seconds").get<double>();
    for (const Json& result : json.at("history")) state.history.push_back(result_from(result));
  } catch (const Json::exception& error) {
    throw Error(Exit::bad_data, source + ": the state of the run cannot be read: " + error.what());
  }
  for (NamedArray& array : file.arrays) {
    if (array.name.starts_with(kUntrained)) {
      array.name.erase(0, std::string(kUntrained).size());
      state.untrained.push_back(std::move(array));
    } else if (array.name.starts_with(kOptimizer)) {
      state.optimizer.arrays.emplace_back(array.name.substr(std::string(kOptimizer).size()), std::move(array.values));
    }
  }
  return state;
}

std::vector<NamedParameter> untrained_parameters(UNet& unet, TrainingStep& step) {
  std::set<std::string> trained;
  for (const NamedParameter& p : step.trained()) trained.insert(p.path);
  std::vector<NamedParameter> result;
  for (const NamedParameter& p : unet.parameters()) {
    if (!trained.contains(p.path)) result.push_back(p);
  }
  return result;
}

}  // namespace

void take_weights(RunState& state, UNet& unet, TrainingStep& step) {
  for (const NamedParameter& p : untrained_parameters(unet, step)) {
    const Tensor& value = p.parameter->value;
    state.untrained.push_back({p.path, {value.shape().begin(), value.shape().end()}, value.to_vector()});
  }
  state.optimizer = step.adam().state();
}

void restore_weights(const RunState& state, UNet& unet, TrainingStep& step) {
  const std::vector<NamedParameter> untrained = untrained_parameters(unet, step);
  const auto fits = [](const NamedParameter& p, const NamedArray& array) {
    return p.path == array.name && static_cast<std::size_t>(p.parameter->value.size()) == array.values.size();
  };
  if (!std::ranges::equal(untrained, state.untrained, fits)) {
    throw Error(Exit::bad_data, "the saved state is of another network, or of other frozen parts");
  }
  step.adam().restore(state.optimizer);
  for (std::size_t i = 0; i < untrained.size(); ++i) {
    untrained[i].parameter->value.assign(state.untrained[i].values);
  }
  step.mark_changed();
  if (unet.encoder().frozen()) unet.fold();
}

void save_state(const fs::path& run, RunState state) {
  const ArrayFile file = array_file(std::move(state));
  write_file_verified(state_file(run), ArrayParts(file).all());
}

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

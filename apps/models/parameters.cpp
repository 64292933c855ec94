#include "apps/models/parameters.h"

#include <algorithm>
#include <map>
#include <utility>

#include "kernels/check.h"

namespace karyon {

std::vector<NamedArray> to_arrays(Module& module) {
  std::vector<NamedArray> arrays;
  for (const NamedParameter& p : module.parameters()) {
    const Tensor& value = p.parameter->value;
    arrays.push_back({p.path, {value.shape().begin(), value.shape().end()}, value.to_vector()});
  }
  return arrays;
}

void assign_arrays(Module& module, const std::string& prefix, const std::vector<NamedArray>& arrays,
                   const std::vector<std::string>& unused, const std::string& source) {
  std::map<std::string, const NamedArray*> by_path;
  for (const NamedArray& a : arrays) {
    const auto passed_over = [&](const std::string& u) { return a.name.starts_with(u); };
    if (!a.name.starts_with(prefix) || std::any_of(unused.begin(), unused.end(), passed_over)) continue;
    by_path.emplace(a.name.substr(prefix.size()), &a);
  }
  std::string differences;
  std::vector<std::pair<Parameter*, const NamedArray*>> pairs;
  for (const NamedParameter& p : module.parameters()) {
    const auto found = by_path.find(p.path);
    if (found == by_path.end()) {
      differences += "\n  missing " + prefix + p.path;
      continue;
    }
    const Shape& wanted = p.parameter->value.shape();
    const std::vector<std::int64_t> shape(wanted.begin(), wanted.end());
    if (found->second->shape != shape) {
      differences +=
          "\n  " + prefix + p.path + " is " + shape_text(found->second->shape) + ", expected " + shape_text(shape);
    }
    pairs.emplace_back(p.parameter, found->second);
    by_path.erase(found);
  }
  for (const auto& [path, array] : by_path) differences += "\n  unexpected " + array->name;
  if (!differences.empty()) throw Error(Exit::bad_data, source + ": the weights do not fit the model:" + differences);
  for (const auto& [parameter, array] : pairs) {
    parameter->value.assign(array->values);
  }
}

}  // namespace karyon

#include "layers/module.h"

namespace karyon {

std::vector<NamedParameter> Module::parameters() {
  std::vector<NamedParameter> all;
  collect("", false, all);
  return all;
}

void Module::collect(const std::string& prefix, bool frozen, std::vector<NamedParameter>& out) {
  for (Parameter* p : parameters_) out.push_back({prefix + p->name, p, frozen || frozen_});
  for (Module* child : children_) child->collect(prefix + child->name() + "/", frozen || frozen_, out);
}

}  // namespace karyon

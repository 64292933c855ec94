// Named parameters and buffers in a tree of modules.
// Invariant: a parameter's full name is its path, joined by '/', and is the name it has in every weight file of
// Karyon's
// ("up_1/conv_transpose/kernel"). Modules stay where they are built: parents hold references.
#pragma once

#include <string>
#include <vector>

#include "engine/random.h"
#include "engine/tape.h"

namespace karyon {

struct Parameter {
  std::string name;  // within its module: "kernel"
  Tensor value;
  bool is_buffer = false;  // moved by the forward pass (moving statistics), never by the optimizer
};

struct NamedParameter {
  std::string path;
  Parameter* parameter;
  bool frozen;
};

class Module {
 public:
  explicit Module(std::string name) : name_(std::move(name)) {}
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// A frozen module's parameters, and its children's, get no gradient.
  void set_frozen(bool frozen) { frozen_ = frozen; }
  [[nodiscard]] bool frozen() const { return frozen_; }
  /// Every parameter and buffer below this module in order of construction; paths do not contain this module's own
  /// name.
  std::vector<NamedParameter> parameters();

 protected:
  void add(Parameter& parameter) { parameters_.push_back(&parameter); }
  void add(Module& child) { children_.push_back(&child); }

 private:
  void collect(const std::string& prefix, bool frozen, std::vector<NamedParameter>& out);

  std::string name_;
  bool frozen_ = false;
  std::vector<Parameter*> parameters_;
  std::vector<Module*> children_;
};

}  // namespace karyon

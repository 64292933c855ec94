// Invariant: the handler refuses at the first event that the format has no place for, so memory stays in proportion to
// the header's own length.
#include "weights/safetensors_header.h"

#include <array>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "kernels/check.h"

namespace karyon {

namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<std::string_view, ArchiveType>, 10> kTypes{{{"F64", ArchiveType::f64},
                                                                           {"F32", ArchiveType::f32},
                                                                           {"F16", ArchiveType::f16},
                                                                           {"BF16", ArchiveType::bf16},
                                                                           {"I64", ArchiveType::i64},
                                                                           {"I32", ArchiveType::i32},
                                                                           {"I16", ArchiveType::i16},
                                                                           {"I8", ArchiveType::i8},
                                                                           {"U8", ArchiveType::u8},
                                                                           {"BOOL", ArchiveType::boolean}}};

constexpr std::uint64_t kLargest = std::uint64_t{1} << 53;  // beyond it a JSON number may have lost digits

/// Follows the header level by level: the file, then one tensor or the metadata, then a list of numbers.
class Handler final : public nlohmann::json_sax<Json> {
 public:
  Handler(SafetensorsHeader& header, std::string source) : header_(header), source_(std::move(source)) {}

  bool start_object(std::size_t /*elements*/) override {
    switch (place_) {
      case Place::start:
        place_ = Place::file;
        return true;
      case Place::file:
        if (name_ == "__metadata__") {
          place_ = Place::metadata;
        } else {
          place_ = Place::tensor;
          header_.tensors.emplace_back().entry.name = name_;
        }
        fields_.clear();
        return true;
      case Place::metadata:
      case Place::tensor:
      case Place::numbers:
        fail(where() + " is nested too deep: an object within it has no meaning in safetensors");
    }
    return false;
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      for (const char* field : {"dtype", "shape", "data_offsets"}) {
        if (!fields_.contains(field)) fail("tensor " + printable(name_) + " lacks the field '" + field + "'");
      }
    }
    place_ = Place::file;  // the end of the file's own object is the end of all events
    return true;
  }

  bool key(std::string& text) override {
    if (place_ == Place::file) {
      if (!names_.insert(text).second) fail("the name " + printable(text) + " appears twice in the header");
      name_ = text;
      return true;
    }
    const bool known = place_ == Place::metadata || text == "dtype" || text == "shape" || text == "data_offsets";
    if (!known) fail("tensor " + printable(name_) + " has an unknown field " + printable(text));
    if (!fields_.insert(text).second) fail(where() + " has the key " + printable(text) + " twice");
    field_ = text;
    return true;
  }

  bool start_array(std::size_t /*elements*/) override {
    if (place_ == Place::numbers) fail(where() + " is nested too deep: a list within its " + field_);
    if (place_ != Place::tensor || field_ == "dtype") wrong_type("a list");
    place_ = Place::numbers;
    numbers_.clear();
    return true;
  }

  bool end_array() override {
    place_ = Place::tensor;
    SafetensorsHeader::Tensor& tensor = header_.tensors.back();
    if (field_ == "shape") {
      tensor.entry.shape.assign(numbers_.begin(), numbers_.end());
    } else if (numbers_.size() == 2) {
      tensor.begin = numbers_[0];
      tensor.end = numbers_[1];
    } else {
      fail("tensor " + printable(name_) + " has " + std::to_string(numbers_.size()) + " data_offsets, expected 2");
    }
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::metadata) {
      header_.metadata.emplace(field_, text);
    } else if (place_ == Place::tensor && field_ == "dtype") {
      const std::optional<ArchiveType> type = element_type_of(text);
      if (!type) fail("tensor " + printable(name_) + " has the unknown dtype " + printable(text));
      header_.tensors.back().entry.type = *type;
    } else {
      wrong_type("a string");
    }
    return true;
  }

  bool number_unsigned(std::uint64_t number) override {
    if (place_ != Place::numbers) wrong_type("a number");
    if (number > kLargest) fail(where() + " has " + std::to_string(number) + " in its " + field_ + ", beyond 2^53");
    numbers_.push_back(number);
    return true;
  }

  // Called only for numbers with a minus sign.
  bool number_integer(std::int64_t number) override {
    if (place_ != Place::numbers) wrong_type("a number");
    fail(where() + " has the negative number " + std::to_string(number) + " in its " + field_);
  }

  bool number_float(double /*number*/, const std::string& text) override {
    if (place_ != Place::numbers) wrong_type("a number");
    fail(where() + " has " + text.substr(0, 40) + " in its " + field_ + ", expected a whole number up to 2^53");
  }

  bool null() override { wrong_type("null"); }
  bool boolean(bool /*value*/) override { wrong_type("a boolean"); }
  bool binary(Json::binary_t& /*value*/) override { wrong_type("binary data"); }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const Json::exception& error) override {
    const std::string text = error.what();
    if (text.find("UTF-8") != std::string::npos) fail("the header has bytes that are not UTF-8");
    // Only the library's "[json.exception...]" mark is cut off: the rest names position and cause.
    const std::size_t mark = text.find("] ");
    fail("the header is not valid JSON: " + printable(mark == std::string::npos ? text : text.substr(mark + 2)));
  }

 private:
  enum class Place : std::uint8_t { start, file, metadata, tensor, numbers };

  [[noreturn]] void fail(const std::string& message) const { throw Error(Exit::bad_data, source_ + ": " + message); }

  [[nodiscard]] std::string where() const {
    return place_ == Place::metadata ? "__metadata__" : "tensor " + printable(name_);
  }

  [[noreturn]] void wrong_type(const std::string& found) const {
    switch (place_) {
      case Place::metadata:
        fail("__metadata__ has " + found + " under " + printable(field_) + ", expected a string");
      case Place::tensor:
        fail(where() + " has " + found + " as its " + field_ + ", expected " +
             (field_ == "dtype" ? "a string" : "a list of whole numbers"));
      case Place::numbers:
        fail(where() + " has " + found + " in its " + field_ + ", expected a whole number");
      case Place::start:
      case Place::file:
        break;
    }
    fail("the header has " + found + " under " + printable(name_) + ", expected an object");
  }

  SafetensorsHeader& header_;
  std::string source_;
  Place place_ = Place::start;
  std::set<std::string> names_;   // keys of the file's object
  std::set<std::string> fields_;  // keys of the object at hand
  std::string name_;
  std::string field_;
  std::vector<std::uint64_t> numbers_;
};

}  // namespace

std::optional<ArchiveType> element_type_of(std::string_view dtype) {
  for (const auto& [name, type] : kTypes) {
    if (name == dtype) return type;
  }
  return std::nullopt;
}

std::string_view dtype_name(ArchiveType type) {
  for (const auto& [name, candidate] : kTypes) {
    if (candidate == type) return name;
  }
  KARYON_CHECK(false, "unknown element type");
}

std::string printable(const std::string& name) {
  constexpr std::size_t longest = 80;
  const std::string escaped = Json(name).dump(-1, ' ', true, Json::error_handler_t::replace);
  return escaped.size() <= longest ? escaped : escaped.substr(0, longest) + "...\"";
}

SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& source) {
  SafetensorsHeader header;
  Handler handler(header, source);
  Json::sax_parse(json, &handler);
  return header;
}

}  // namespace karyon

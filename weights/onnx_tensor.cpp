#include "weights/onnx_tensor.h"

#include <cstring>
#include <optional>

#include <weights/onnx.pb.h>

#include "kernels/check.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

using onnx::TensorProto;

constexpr int kMostAxes = 8;
constexpr std::uint64_t kMostElements = std::uint64_t{1} << 31;

std::optional<ArchiveType> element_type(int data_type) {
  switch (data_type) {
    case TensorProto::FLOAT:
      return ArchiveType::f32;
    case TensorProto::DOUBLE:
      return ArchiveType::f64;
    case TensorProto::FLOAT16:
      return ArchiveType::f16;
    case TensorProto::BFLOAT16:
      return ArchiveType::bf16;
    case TensorProto::INT64:
      return ArchiveType::i64;
    default:
      return std::nullopt;
  }
}

std::string type_name(int data_type) {
  const bool known = TensorProto::DataType_IsValid(data_type);
  return known ? TensorProto::DataType_Name(static_cast<TensorProto::DataType>(data_type)) : std::to_string(data_type);
}

template <typename Number, typename Stored>
std::vector<std::uint8_t> bytes_of(const google::protobuf::RepeatedField<Stored>& values) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(values.size()) * sizeof(Number));
  for (int i = 0; i < values.size(); ++i) {
    const auto number = static_cast<Number>(values[i]);
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(Number), &number, sizeof(Number));
  }
  return bytes;
}

class Reader {
 public:
  Reader(const TensorProto& proto, const std::string& name, const std::string& source)
      : proto_(proto), name_(name), source_(source) {}

  LoadedTensor read() {
    if (proto_.data_location() == TensorProto::EXTERNAL || proto_.external_data_size() != 0) {
      fail("lies in another file (external data); export the model as one file");
    }
    if (proto_.has_segment()) fail("is a segment of a larger one, which is not read");
    const auto type = element_type(proto_.data_type());
    if (!type) fail("has the element type " + type_name(proto_.data_type()) + ", expected floating point or INT64");
    read_shape(*type);
    return {{name_, *type, {proto_.dims().begin(), proto_.dims().end()}}, proto_.has_raw_data() ? raw() : typed(*type)};
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw Error(Exit::bad_data, source_ + ": tensor " + printable(name_) + " " + message);
  }

  void read_shape(ArchiveType type) {
    if (proto_.dims_size() > kMostAxes) fail("has " + std::to_string(proto_.dims_size()) + " axes, expected at most 8");
    for (const std::int64_t extent : proto_.dims()) {
      if (extent < 0) fail("has the negative extent " + std::to_string(extent));
      if (__builtin_mul_overflow(count_, static_cast<std::uint64_t>(extent), &count_) || count_ > kMostElements) {
        fail("has a shape of more than 2^31 elements (overflow)");
      }
    }
    size_ = count_ * element_size(type);
  }

  [[nodiscard]] std::vector<std::uint8_t> raw() const {
    const std::string& raw = proto_.raw_data();
    if (typed_values() != 0) fail("has both raw_data and a list of values");
    if (raw.size() != size_) {
      fail("has raw_data of " + std::to_string(raw.size()) + " bytes, but its shape and type need " +
           std::to_string(size_));
    }
    return {raw.begin(), raw.end()};
  }

  [[nodiscard]] std::vector<std::uint8_t> typed(ArchiveType type) const {
    switch (type) {
      case ArchiveType::f32:
        return list<float>("float_data", proto_.float_data());
      case ArchiveType::f64:
        return list<double>("double_data", proto_.double_data());
      case ArchiveType::i64:
        return list<std::int64_t>("int64_data", proto_.int64_data());
      default:  // 16-bit patterns, one an int32
        return list<std::uint16_t>("int32_data", proto_.int32_data());
    }
  }

  template <typename Number, typename Stored>
  [[nodiscard]] std::vector<std::uint8_t> list(const char* field,
                                               const google::protobuf::RepeatedField<Stored>& values) const {
    const auto found = static_cast<std::uint64_t>(values.size());
    if (found != count_ || found != typed_values()) {
      fail("has " + std::to_string(found) + " values in " + field + " and " + std::to_string(typed_values() - found) +
           " in other lists, but its shape needs " + std::to_string(count_));
    }
    if constexpr (sizeof(Number) < sizeof(Stored)) {
      for (const Stored value : values) {
        if (value < 0 || value > 0xFFFF) fail("has " + std::to_string(value) + " where 16 bits are stored");
      }
    }
    return bytes_of<Number>(values);
  }

  [[nodiscard]] std::uint64_t typed_values() const {
    std::uint64_t total = 0;
    for (const int size :
         {proto_.float_data_size(), proto_.double_data_size(), proto_.int64_data_size(), proto_.int32_data_size()}) {
      total += static_cast<std::uint64_t>(size);
    }
    return total;
  }

  const TensorProto& proto_;
  const std::string& name_;
  const std::string& source_;
  std::uint64_t count_ = 1;
  std::uint64_t size_ = 0;  // bytes
};

}  // namespace

LoadedTensor read_onnx_tensor(const TensorProto& proto, const std::string& name, const std::string& source) {
  return Reader(proto, name, source).read();
}

}  // namespace karyon

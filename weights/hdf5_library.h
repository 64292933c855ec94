// libhdf5 as Karyon uses it: ids that close themselves, and failures that become an Error.
// Invariant: an Hdf5Id closes what it holds exactly once. Included by .cpp files only, so that libhdf5 stays a private
// matter of this room.
#pragma once

// The interface of 1.10, which the later versions keep under this switch.
#ifndef H5_USE_110_API
#define H5_USE_110_API
#endif
#include <string>
#include <utility>

#include <hdf5.h>

namespace karyon {

class Hdf5Id {
 public:
  using Close = herr_t (*)(hid_t);
  /// `id` may be a negative one, which libhdf5 returns for a failure: see valid().
  Hdf5Id(hid_t id, Close close) : id_(id), close_(close) {}
  Hdf5Id(const Hdf5Id&) = delete;
  Hdf5Id& operator=(const Hdf5Id&) = delete;
  Hdf5Id(Hdf5Id&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Hdf5Id& operator=(Hdf5Id&&) = delete;
  ~Hdf5Id() {
    if (valid()) close_(id_);
  }
  [[nodiscard]] bool valid() const { return id_ >= 0; }
  [[nodiscard]] hid_t get() const { return id_; }

 private:
  hid_t id_;
  Close close_;
};

/// Throws Error bad_data with `message` and the reason that libhdf5 has on record.
[[noreturn]] void fail_hdf5(const std::string& message);

/// The id, once it is known to be a valid one; else as fail_hdf5.
Hdf5Id checked_hdf5(hid_t id, Hdf5Id::Close close, const std::string& message);

}  // namespace karyon

// Invariant: text of libhdf5 gets into a message only as printable() makes it, for it may quote the file.
#include "weights/hdf5_library.h"

#include "kernels/check.h"
#include "weights/safetensors_header.h"

namespace karyon {

namespace {

/// Keeps the last entry it is shown: walked downward, that is where in libhdf5 the failure arose.
herr_t keep_description(unsigned /*number*/, const H5E_error2_t* entry, void* text) {
  if (entry->desc != nullptr) *static_cast<std::string*>(text) = entry->desc;
  return 0;
}

}  // namespace

void fail_hdf5(const std::string& message) {
  std::string reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_description, &reason);
  throw Error(Exit::bad_data, reason.empty() ? message : message + "; libhdf5 says " + printable(reason));
}

Hdf5Id checked_hdf5(hid_t id, Hdf5Id::Close close, const std::string& message) {
  Hdf5Id result(id, close);
  if (!result.valid()) fail_hdf5(message);
  return result;
}

}  // namespace karyon

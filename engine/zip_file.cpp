#include "engine/zip_file.h"

#include <algorithm>
#include <utility>

#include <sys/stat.h>
#include <zip.h>

#include "engine/zip_names.h"
#include "kernels/check.h"

namespace karyon {
namespace {

constexpr zip_int64_t kMaxEntries = 1'000'000;
constexpr std::uint64_t kMaxTotal = std::uint64_t{2} << 30;  // declared, unless four times the archive is more
constexpr std::uint64_t kSmallEntry = std::uint64_t{16} << 20;
constexpr std::uint64_t kMaxRatio = 100;  // of an entry that is not small; pictures hardly shrink twice

struct Close {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
struct Free {
  void operator()(zip_source_t* archive) const { zip_source_free(archive); }
};

/// A libzip error that is freed at its scope's end.
struct ZipError {
  zip_error_t error;
  ZipError() { zip_error_init(&error); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  ~ZipError() { zip_error_fini(&error); }
  std::string text() { return zip_error_strerror(&error); }
};

/// A source's own error keeps its text beyond its end, so a copy is asked for it.
std::string error_of(zip_source_t* archive) {
  const zip_error_t* own = zip_source_error(archive);
  ZipError copy;
  zip_error_set(&copy.error, zip_error_code_zip(own), zip_error_code_system(own));
  return copy.text();
}

[[noreturn]] void no_zip(const std::string& source, const std::string& why) {
  throw Error(Exit::bad_data, source + " is no zip that can be read: " + why);
}

std::string read_part(zip_source_t* archive, std::uint64_t begin, std::uint64_t size) {
  std::string part(size, '\0');
  std::size_t have = 0;
  if (zip_source_seek(archive, static_cast<zip_int64_t>(begin), SEEK_SET) != 0) return {};
  while (have < part.size()) {
    const zip_int64_t got = zip_source_read(archive, part.data() + have, part.size() - have);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  part.resize(have);
  return part;
}

}  // namespace

void ZipFile::Discard::operator()(zip* archive) const { zip_discard(archive); }

ZipFile::ZipFile(const std::filesystem::path& path) : source_(path.string()) {
  ZipError error;
  zip_source_t* archive = zip_source_file_create(path.c_str(), 0, -1, &error.error);
  if (archive == nullptr) no_zip(source_, error.text());
  open(archive);
}

ZipFile::ZipFile(std::vector<std::uint8_t> bytes, std::string source)
    : source_(std::move(source)), bytes_(std::move(bytes)) {
  ZipError error;
  zip_source_t* archive = zip_source_buffer_create(bytes_.data(), bytes_.size(), 0, &error.error);
  if (archive == nullptr) no_zip(source_, error.text());
  open(archive);
}

ZipFile::~ZipFile() = default;

/// Takes the libzip source over.
void ZipFile::open(zip_source* archive) {
  std::unique_ptr<zip_source_t, Free> owner(archive);
  zip_stat_t status;
  if (zip_source_stat(archive, &status) != 0) no_zip(source_, error_of(archive));
  if ((status.valid & ZIP_STAT_SIZE) != 0 && status.size == 0) no_zip(source_, "it is empty");  // libzip cannot seek it
  if (zip_source_open(archive) != 0) no_zip(source_, error_of(archive));
  const std::uint64_t archive_size = status.size;
  const std::vector<std::string> names = zip_names(
      archive_size, [archive](std::uint64_t begin, std::uint64_t size) { return read_part(archive, begin, size); });
  zip_source_close(archive);

  ZipError error;
  archive_.reset(zip_open_from_source(archive, ZIP_RDONLY, &error.error));
  if (!archive_) no_zip(source_, error.text());
  static_cast<void>(owner.release());  // the archive's now

  const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
  if (count > kMaxEntries) throw Error(Exit::bad_data, source_ + " has over a million entries");
  if (names.size() != static_cast<std::size_t>(count)) {
    throw Error(Exit::bad_data, source_ + ": the zip's directory is not where its end says");
  }
  if (std::ranges::any_of(names, [](const std::string& name) { return name.find('\0') != std::string::npos; })) {
    throw Error(Exit::bad_data, source_ + " has a NUL in an entry's name");
  }
  read_directory(archive_size);
}

void ZipFile::read_directory(std::uint64_t archive_size) {
  const auto count = static_cast<zip_uint64_t>(zip_get_num_entries(archive_.get(), 0));
  std::uint64_t total = 0, stored = 0;
  for (zip_uint64_t i = 0; i < count; ++i) {
    zip_stat_t status;
    if (zip_stat_index(archive_.get(), i, ZIP_FL_ENC_RAW, &status) != 0) {
      throw Error(Exit::bad_data, source_ + ": " + zip_strerror(archive_.get()));
    }
    const Entry entry{status.name, status.size, status.comp_size, status.comp_method == ZIP_CM_STORE};
    check_name(entry.name);
    if (status.encryption_method != ZIP_EM_NONE) refuse(entry.name, "is encrypted");
    if (!entry.is_stored && status.comp_method != ZIP_CM_DEFLATE) refuse(entry.name, "is neither stored nor deflated");
    check_kind(entry, i);
    const bool is_folder = entry.name.ends_with('/');
    if (!indices_.emplace(is_folder ? entry.name.substr(0, entry.name.size() - 1) : entry.name, i).second) {
      refuse(entry.name, "stands in the archive twice");
    }
    total += entry.size;
    stored += entry.archive_size;
    if (total > std::max(kMaxTotal, 4 * archive_size) || total < entry.size) {
      refuse(entry.name, "brings the declared contents over 2 GB and over four times the archive");
    }
    if (stored > archive_size || stored < entry.archive_size) refuse(entry.name, "overlaps with other entries");
    entries_.push_back(entry);
  }
}

void ZipFile::check_name(const std::string& name) const {
  if (name.empty()) refuse("an entry", "has no name");
  if (name.front() == '/' || name.front() == '\\') refuse(name, "has an absolute name");
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    if (name.compare(at, end - at, "..") == 0) refuse(name, "points out of the archive");
    at = end + 1;
  }
}

void ZipFile::check_kind(const Entry& entry, std::uint64_t index) const {
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  zip_file_get_external_attributes(archive_.get(), index, 0, &system, &attributes);
  const mode_t kind = (attributes >> 16U) & S_IFMT;
  if (system == ZIP_OPSYS_UNIX && S_ISLNK(kind)) refuse(entry.name, "is a symbolic link");
  if (system == ZIP_OPSYS_UNIX && kind != 0 && !S_ISREG(kind) && !S_ISDIR(kind)) {
    refuse(entry.name, "is no regular file");
  }
  if (entry.size > kSmallEntry && entry.size / kMaxRatio > entry.archive_size) {
    refuse(entry.name, "unpacks to over a hundred times its size");
  }
}

/// What messages call an entry: control characters of a name do not reach the terminal.
std::string ZipFile::describe(const std::string& entry) const {
  std::string name = entry;
  std::ranges::replace_if(
      name, [](unsigned char letter) { return letter < ' ' || letter == 0x7F; }, '?');
  return source_ + ": " + name;
}

void ZipFile::refuse(const std::string& entry, const std::string& why) const {
  throw Error(Exit::bad_data, describe(entry) + " " + why + "; the zip is refused");
}

const ZipFile::Entry* ZipFile::find(const std::string& name) const {
  const auto found = indices_.find(name);
  return found == indices_.end() || entries_[found->second].name != name ? nullptr : &entries_[found->second];
}

std::vector<std::uint8_t> ZipFile::read(const std::string& name) const {
  const Entry* entry = find(name);
  if (entry == nullptr) throw Error(Exit::bad_data, describe(name) + ": there is no such entry");
  if (entry->size > INT32_MAX) throw Error(Exit::bad_data, describe(name) + " is larger than 2 GB");
  const auto wrong_size = [&] {
    throw Error(Exit::bad_data, describe(name) + " is not as long as the zip's directory says");
  };
  if (entry->is_stored && entry->size != entry->archive_size) wrong_size();
  const std::lock_guard lock(mutex_);
  const std::unique_ptr<zip_file_t, Close> stream(
      zip_fopen_index(archive_.get(), static_cast<zip_uint64_t>(entry - entries_.data()), 0));
  if (!stream) throw Error(Exit::bad_data, describe(name) + ": " + zip_strerror(archive_.get()));
  // One byte more than declared, so that the end is reached, where libzip checks the CRC.
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(entry->size) + 1);
  std::size_t have = 0;
  while (have < bytes.size()) {
    const zip_int64_t got = zip_fread(stream.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0) throw Error(Exit::bad_data, describe(name) + ": " + zip_file_strerror(stream.get()));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  if (have != entry->size) wrong_size();
  bytes.pop_back();
  return bytes;
}

}  // namespace karyon

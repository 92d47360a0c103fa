#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "tensor/pages.h"

namespace bench {

/// A file mapped read-only. Shared: tensors that live in it keep it open.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  /// Gives back the memory of the pages inside [begin, begin + size): they were read for the last
  /// time. Nothing is lost, since nobody writes here; a later read goes to the file again.
  void drop(uint64_t begin, uint64_t size) const;

 private:
  MappedFile(std::string path, const uint8_t* data, uint64_t size)
      : path_(std::move(path)), data_(data), size_(size), range_(data, size) {}
  std::string path_;
  const uint8_t* data_;
  uint64_t size_;
  MappedRange range_;
};

}  // namespace bench

#pragma once
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace bench {

/// A safetensors file written piece by piece, so that it may be larger than memory: names, types
/// and shapes first, then the values in that order. It is written beside and renamed by finish(): a
/// file is whole or not there. What cannot be written is an Error with the path.
class SafetensorsFile {
 public:
  struct Entry {
    std::string name;
    at::ScalarType dtype;
    std::vector<int64_t> shape;
  };
  SafetensorsFile(std::string path, const std::vector<Entry>& entries,
                  const std::map<std::string, std::string>& metadata = {});
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  /// The next values: a whole entry, or rows of one.
  void append(const Tensor& values);
  void finish();

 private:
  [[noreturn]] void broken() const;
  std::string path_, partial_;
  std::ofstream out_;
  uint64_t left_ = 0;  // bytes still to come
};
}  // namespace bench

#pragma once
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace bench {

using TensorMap = std::map<std::string, Tensor>;

/// Tensors of one safetensors file, living in its mapping: nothing is copied, and bytes are read
/// when they are used. An Error names the file for anything malformed: header length, JSON, dtype,
/// shapes, offsets that overlap or leave the file.
TensorMap read_safetensors(const std::string& path);
/// The `__metadata__` strings.
std::map<std::string, std::string> read_safetensors_metadata(const std::string& path);
/// All shards that a `*.safetensors.index.json` names.
TensorMap read_safetensors_index(const std::string& index_path);
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
/// All of it at once.
void write_safetensors(const std::string& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace bench

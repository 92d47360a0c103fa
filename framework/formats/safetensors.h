#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace bench {

using TensorMap = std::map<std::string, Tensor>;

/// Tensors of one safetensors file, living in its mapping: nothing is copied, and bytes are read
/// when they are used. An Error names the file for anything malformed: header length, JSON, dtype,
/// shapes, offsets that overlap or leave the file.
TensorMap read_safetensors(const std::string& path);
/// The `__metadata__` strings.
std::map<std::string, std::string> read_safetensors_metadata(const std::string& path);
/// All shards that a `*.safetensors.index.json` names.
/// Names of the files that an index leads to; they lie beside it.
std::set<std::string> shards_of(const std::string& index_path);
TensorMap read_safetensors_index(const std::string& index_path);
/// The same for shards of any kind: `read` reads one.
TensorMap read_index(const std::string& index_path,
                     const std::function<TensorMap(const std::string&)>& read);
/// Written beside, then renamed: a file is whole or not there.
void write_safetensors(const std::string& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace bench

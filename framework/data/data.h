#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace bench {

/// The folder that holds configs/ and data/: $BENCH_HOME, or the nearest parent of the program that
/// has data/manifest.json.
std::filesystem::path home();

/// A shipped file, by its path below data/, or any path of the user's own. Shipped files are
/// checked against data/manifest.json, again where they changed: a changed byte is an Error that
/// names the file.
/// Data that is made and not read ("shapes:seed=0,count=64", io/shapes.h) is its own name.
std::filesystem::path data_file(const std::string& name);
bool is_made(const std::string& name);
/// Images in IDX (MNIST) have "idx3" in their file's name; their labels lie beside them under the
/// name with "labels" for "images" and "idx1", gzipped or not.
bool is_idx(const std::filesystem::path& file);
std::filesystem::path idx_labels(const std::filesystem::path& images);
/// SHA-256 of what such a name leads to: a file's bytes; the names and bytes of a folder's files;
/// images in IDX with their labels; the name of what is made.
std::string data_digest(const std::string& name);
/// Its SHA-256 in data/manifest.json; "" where it is not listed.
std::string shipped_digest(const std::string& name);
/// Checks every listed file below that folder of data/ (a model); no error where none is listed.
void check_shipped(const std::filesystem::path& folder);

/// The whole file; an Error if it cannot be read.
std::string read_file(const std::filesystem::path& file);

/// Where `bench fetch` puts models: $BENCH_CACHE, or ~/.cache/prunebench.
std::filesystem::path cache_folder();
/// Folders in which a model's name is looked up: data/models and the fetch cache.
std::vector<std::filesystem::path> model_folders();

}  // namespace bench

#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace bench {

/// The folder that holds configs/ and data/: $BENCH_HOME, or the nearest parent of the program that
/// has data/manifest.json.
std::filesystem::path home();

/// A shipped file, by its path below data/, or any path of the user's own. Shipped files are
/// checked against data/manifest.json once per process: a changed byte is an Error that names the
/// file.
std::filesystem::path data_file(const std::string& name);
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

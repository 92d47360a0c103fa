#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hydra/defaults/defaults_entry.h"
#include "hydra/yaml/value.h"

namespace bench {

/// One config file, read and taken apart.
struct ConfigFile {
  std::optional<std::string> header;  // # @package
  std::vector<DefaultsEntry> defaults;
  Value config;  // without `defaults`
};

/// The folders that configs come from, in order of search. Every file is read once.
class Repository {
 public:
  explicit Repository(std::vector<std::filesystem::path> search_path)
      : search_path_(std::move(search_path)) {}

  const std::vector<std::filesystem::path>& search_path() const { return search_path_; }
  void add(const std::filesystem::path& folder) { search_path_.push_back(folder); }

  bool group_exists(const std::string& group) const;
  bool config_exists(const std::string& path) const;
  /// Null if there is no such config.
  std::shared_ptr<const ConfigFile> load(const std::string& path);
  /// Names of the configs of a group over all folders, sorted.
  std::vector<std::string> options(const std::string& group) const;
  /// Names of the groups below a group ("" is the top), sorted.
  std::vector<std::string> groups(const std::string& group) const;
  /// A group and all below it as "a", "a/b", for suggestions.
  std::vector<std::string> all_groups() const;

 private:
  std::optional<std::filesystem::path> find(const std::string& path) const;

  std::vector<std::filesystem::path> search_path_;
  std::map<std::string, std::shared_ptr<const ConfigFile>> loaded_;
  mutable std::map<std::string, bool> known_groups_;
};

/// The package of `# @package NAME`, which must be the first comment of the file.
std::optional<std::string> package_header(const std::string& text, const std::string& file);

}  // namespace bench

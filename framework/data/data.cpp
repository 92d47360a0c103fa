#include "data/data.h"

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/digest.h"
#include "base/error.h"
#include "base/file_digest.h"
#include "base/regular_file.h"
#include "base/near.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::string>& manifest() {
  static const auto all = [] {
    const auto file = home() / "data/manifest.json";
    const auto json = nlohmann::json::parse(read_file(file), nullptr, false);
    if (!json.is_object()) fail("{}: is no JSON object", file.string());
    std::map<std::string, std::string> digests;
    for (const auto& [path, digest] : json.items()) digests[path] = digest.get<std::string>();
    return digests;
  }();
  return all;
}

void check(const std::string& name, const fs::path& file) {
  if (digest_of_file(file.string()) != manifest().at(name))
    fail(
        "{}: its bytes are not those of data/manifest.json; restore the file, or take a copy under "
        "another name if the change is meant",
        file.string());
}

}  // namespace

fs::path home() {
  static const fs::path root = [] {
    if (const char* env = std::getenv("BENCH_HOME")) return fs::path(env);
    std::error_code ignored;
    for (auto at = fs::read_symlink("/proc/self/exe", ignored); at.has_relative_path();
         at = at.parent_path())
      for (const auto& here : {at, at / "share/prunebench"})  // a checkout, or what was installed
        if (fs::exists(here / "data/manifest.json")) return here;
    fail("the folder with data/manifest.json was not found; set BENCH_HOME to the checkout");
  }();
  return root;
}

bool is_idx(const fs::path& file) {
  return file.filename().string().find("idx3") != std::string::npos;
}

bool is_made(const std::string& name) {
  return name.starts_with("shapes:");
}

fs::path data_file(const std::string& name) {
  if (is_made(name)) return name;
  const auto shipped = home() / "data" / name;
  if (manifest().count(name)) {
    if (!fs::exists(shipped))
      fail("{}: is missing, though data/manifest.json lists it", shipped.string());
    check(name, shipped);
    return shipped;
  }
  if (fs::exists(name)) return name;
  std::vector<std::string> known;
  for (const auto& [path, digest] : manifest()) known.push_back(path);
  fail("data file '{}': neither shipped in data/ nor a path that exists{}", name,
       suggestion(name, nearest(name, known)));
}

fs::path idx_labels(const fs::path& images) {
  auto name = images.filename().string();
  const auto put = [&](const std::string& from, const std::string& to) {
    if (const auto at = name.rfind(from); at != std::string::npos)
      name.replace(at, from.size(), to);
  };
  put("images", "labels");
  put("idx3", "idx1");
  const auto beside = images.parent_path() / name;
  if (fs::exists(beside)) return beside;
  const auto other = name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name + ".gz";
  return fs::exists(images.parent_path() / other) ? images.parent_path() / other : beside;
}

std::string data_digest(const std::string& name) {
  if (is_made(name)) return sha256_hex(name);
  const auto file = data_file(name);
  if (!fs::is_directory(file)) {
    if (!is_idx(file)) return digest_of_file(file.string());
    return sha256_hex(digest_of_file(file.string()) + digest_of_file(idx_labels(file).string()));
  }
  std::set<fs::path> files;
  for (const auto& f : fs::recursive_directory_iterator(file))
    if (f.is_regular_file()) files.insert(f.path());
  std::string all;
  for (const auto& f : files)
    all += f.lexically_relative(file).string() + " " + digest_of_file(f.string()) + "\n";
  return sha256_hex(all);
}

std::string shipped_digest(const std::string& name) {
  const auto it = manifest().find(name);
  return it == manifest().end() ? "" : it->second;
}

void check_shipped(const fs::path& folder) {
  const auto root = fs::weakly_canonical(home() / "data");
  const auto inside = fs::weakly_canonical(folder).lexically_relative(root).string();
  if (inside.empty() || inside.rfind("..", 0) == 0) return;
  for (const auto& [path, digest] : manifest())
    if (path.rfind(inside + "/", 0) == 0) check(path, root / path);
}

std::string read_file(const fs::path& file) {
  require_regular(file);
  std::ifstream in(file, std::ios::binary);
  if (!in) fail("{}: cannot be opened", file.string());
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) fail("{}: cannot be read", file.string());
  return std::move(text).str();
}

fs::path cache_folder() {
  if (const char* env = std::getenv("BENCH_CACHE")) return env;
  if (const char* user = std::getenv("HOME")) return fs::path(user) / ".cache/prunebench";
  return "out/cache";
}

std::vector<fs::path> model_folders() {
  return {home() / "data/models", cache_folder() / "models"};
}

}  // namespace bench

// JPEG files in folders and tar archives.
#include <algorithm>
#include <cctype>
#include <map>

#include "base/error.h"
#include "data/data.h"
#include "data/images.h"
#include "formats/jpeg.h"
#include "formats/tar.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostPictures = 1 << 23;
constexpr int64_t kMostValues = 1 << 28;  // of the images that are asked for at once

bool is_jpeg(const fs::path& name) {
  auto e = name.extension().string();
  for (auto& c : e) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return e == ".jpg" || e == ".jpeg";
}

/// Files by class.
using Classes = std::map<std::string, std::vector<std::string>>;

void add(Classes& all, size_t& n, const fs::path& file) {
  if (!is_jpeg(file)) return;
  if (++n > kMostPictures) fail("more than {} pictures", kMostPictures);
  all[file.parent_path().filename().string()].push_back(file.string());
}

Classes listed(const fs::path& source) {
  Classes all;
  size_t n = 0;
  if (fs::is_directory(source)) {
    for (const auto& f : fs::recursive_directory_iterator(source))
      if (f.is_regular_file()) add(all, n, f.path());
  } else {
    walk_tar(source, [&](const std::string& name, uint64_t, const auto&) { add(all, n, name); });
  }
  if (n == 0) fail("{}: holds no .jpg or .jpeg file", source.string());
  for (auto& [name, files] : all) std::sort(files.begin(), files.end());
  return all;
}

struct Picture {
  std::string file;
  int64_t label;
};

/// The first of every class, then the second of every class: any beginning holds all classes.
std::vector<Picture> in_turn(const Classes& all) {
  std::vector<Picture> pictures;
  for (size_t i = 0, before = 1; before != pictures.size(); ++i) {
    before = pictures.size();
    int64_t label = 0;
    for (const auto& [name, files] : all) {
      if (i < files.size()) pictures.push_back({files[i], label});
      ++label;
    }
  }
  return pictures;
}

/// Images of one size, in the order of their slots.
class Gathered {
 public:
  Gathered(const ImageSource& source, int64_t count) : source_(source), count_(count) {}
  void put(int64_t slot, const std::string& bytes, const std::string& name) {
    auto p = decode_jpeg(bytes, name);
    const auto raw = at::from_blob(p.rgb.data(), {1, p.height, p.width, 3}, at::kByte);
    const auto x = evaluation_size(raw.permute({0, 3, 1, 2}).to(at::kFloat).contiguous(), source_);
    if (!all_.defined()) {
      if (count_ > kMostValues / x.numel())
        fail("{}: {} pictures of {} x {} pixels at once are too many; ask for fewer", source_.file,
             count_, x.size(2), x.size(3));
      all_ = at::empty({count_, 3, x.size(2), x.size(3)});
    }
    if (x.sizes().slice(1) != all_.sizes().slice(1))
      fail("{}: has {} x {} pixels, others {} x {}; set resize and center_crop", name, x.size(2),
           x.size(3), all_.size(2), all_.size(3));
    all_[slot].copy_(x[0]);
  }
  Tensor all() const { return all_; }

 private:
  const ImageSource& source_;
  int64_t count_;
  Tensor all_;
};

}  // namespace

Batch read_pictures(const ImageSource& source, int64_t first, int64_t count) {
  const auto path = data_file(source.file);
  const auto pictures = in_turn(listed(path));
  const auto n = static_cast<int64_t>(pictures.size());
  if (count == 0) count = n - first;
  if (first < 0 || count <= 0 || first > n || count > n - first)
    fail("{}: has {} pictures; {} to {} were asked for", path.string(), n, first, first + count);
  Gathered gathered(source, count);
  std::map<std::string, int64_t> slots;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i) {
    const auto& p = pictures[static_cast<size_t>(first + i)];
    labels.push_back(p.label);
    if (!slots.emplace(p.file, i).second) fail("{}: holds {} twice", path.string(), p.file);
  }
  if (fs::is_directory(path)) {
    for (const auto& [file, slot] : slots) gathered.put(slot, read_file(file), file);
  } else {
    walk_tar(path, [&](const std::string& name, uint64_t, const auto& content) {
      const auto it = slots.find(name);
      if (it != slots.end()) gathered.put(it->second, content(), path.string() + ": " + name);
    });
  }
  Batch batch;
  batch.images = gathered.all();
  batch.labels = at::tensor(labels, at::kLong);
  return batch;
}

}  // namespace bench

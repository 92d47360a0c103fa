#include "trial/workbench.h"

#include <malloc.h>

#include <unistd.h>

#include <fstream>

#include "data/data.h"

namespace bench {

int64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  in >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

int64_t peak_resident_bytes() {
  std::ifstream in("/proc/self/status");
  for (std::string word; in >> word;)
    if (int64_t kilobytes = 0; word == "VmHWM:" && in >> kilobytes) return kilobytes * 1024;
  return 0;
}

bool reset_peak_resident() {
#ifdef __GLIBC__
  malloc_trim(0);  // what earlier phases freed is not this phase's memory
#endif
  std::ofstream out("/proc/self/clear_refs");
  return static_cast<bool>(out << "5" << std::flush);
}

int64_t Workbench::share_of_memory() {
  const int64_t all = sysconf(_SC_PHYS_PAGES) * int64_t{sysconf(_SC_PAGESIZE)};
  return std::max(int64_t{6} << 30, all / 4);
}

std::shared_ptr<const void> Workbench::get(const std::string& key, const Make& make) {
  if (const auto it = index_.find(key); it != index_.end()) {
    recent_.splice(recent_.begin(), recent_, it->second);
    return it->second->value;
  }
  const auto before = resident_bytes();
  auto value = make();
  const auto bytes = std::max<int64_t>(0, resident_bytes() - before);
  recent_.push_front({key, value, bytes});
  index_[key] = recent_.begin();
  held_ += bytes;
  while (held_ > budget_ && recent_.size() > 1) {
    held_ -= recent_.back().bytes;
    index_.erase(recent_.back().key);
    recent_.pop_back();
  }
  return value;
}

void Workbench::forget() {
  recent_.clear();
  index_.clear();
  held_ = 0;
}

std::shared_ptr<Workbench::Loaded> Workbench::model(const std::filesystem::path& path,
                                                    const at::Device& device,
                                                    at::ScalarType compute, bool by_block) {
  const auto key = "model|" + path.string() + "|" + device.str() + "|" + name_of(compute) +
                   (by_block ? "|block" : "");
  const auto loaded = get_as<Loaded>(key, [&] {
    check_shipped(path);
    auto l = std::make_shared<Loaded>();
    l->checkpoint = read_checkpoint(path);
    l->checkpoint.compute = compute;
    l->checkpoint.by_block = by_block;
    l->model = build_model(l->checkpoint);
    l->weights = weight_hash(*l->model);
    if (!device.is_cpu()) l->model->to(device);
    l->dense = std::make_unique<Snapshot>(*l->model);
    return l;
  });
  loaded->dense->restore(*loaded->model);
  return loaded;
}

}  // namespace bench

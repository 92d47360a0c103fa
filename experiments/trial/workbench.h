#pragma once
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "walk/pruner.h"
#include "models/checkpoint.h"

namespace bench {

/// What trials share, computed once: loaded weights, tokenizers, token streams, calibration data,
/// dense statistics. A trial takes from it and never knows whether an answer was made now or
/// before. The least recently used answers go when the byte budget is spent.
class Workbench {
 public:
  /// Default: a quarter of the machine's memory, at least 6 GiB.
  explicit Workbench(int64_t budget_bytes = share_of_memory()) : budget_(budget_bytes) {}

  using Make = std::function<std::shared_ptr<const void>()>;
  std::shared_ptr<const void> get(const std::string& key, const Make& make);
  template <class T>
  std::shared_ptr<T> get_as(const std::string& key,
                            const std::function<std::shared_ptr<T>()>& make) {
    return std::const_pointer_cast<T>(
        std::static_pointer_cast<const T>(get(key, [&] { return make(); })));
  }

  /// Lets all of it go; who holds an answer keeps it.
  void forget();

  struct Loaded {
    Checkpoint checkpoint;
    std::unique_ptr<Model> model;
    std::unique_ptr<Snapshot> dense;
    std::string weights;  // hash
  };
  /// A model in its dense state: restored by handle, at no cost.
  std::shared_ptr<Loaded> model(const std::filesystem::path& path, const at::Device& device,
                                at::ScalarType compute, bool by_block);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const void> value;
    int64_t bytes;  // growth of the process while it was made
  };
  std::list<Entry> recent_;  // most recently used first
  std::map<std::string, std::list<Entry>::iterator> index_;
  static int64_t share_of_memory();

  int64_t budget_, held_ = 0;
};

/// Statistics of a model as it was loaded, shared under a prefix that names its weights and the
/// data. A model that stands otherwise gets its own, and nothing is kept.
class WorkbenchShelf : public Shelf {
 public:
  WorkbenchShelf(Workbench& bench, const Snapshot& loaded, std::string prefix)
      : bench_(bench), loaded_(loaded), prefix_(std::move(prefix)) {}
  std::shared_ptr<const Stats> stats(const std::string& key, Model& model,
                                     const MakeStats& make) override {
    if (!loaded_.holds(model)) return make();
    return std::static_pointer_cast<const Stats>(bench_.get(prefix_ + key, [&] { return make(); }));
  }

 private:
  Workbench& bench_;
  const Snapshot& loaded_;
  std::string prefix_;
};

/// Resident set of this process now, and its peak since the start, in bytes.
int64_t resident_bytes();
int64_t peak_resident_bytes();
/// The peak counts from now on (proc(5), clear_refs); false where the system does not allow it.
bool reset_peak_resident();

}  // namespace bench

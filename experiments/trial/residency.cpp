#include "trial/residency.h"

#include <fstream>
#include <limits>
#include <set>

#include "models/described.h"
#include "walk/pruner.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

/// The first number of a file; -1 where there is none ("max").
int64_t number_in(const fs::path& file) {
  std::ifstream in(file);
  int64_t value = -1;
  return in >> value ? value : -1;
}

/// MemAvailable of proc(5), in bytes.
int64_t available() {
  std::ifstream in("/proc/meminfo");
  for (std::string word; in >> word;)
    if (int64_t kilobytes = 0; word == "MemAvailable:" && in >> kilobytes) return kilobytes * 1024;
  return std::numeric_limits<int64_t>::max();
}

/// A number beside a word in a file of lines "word number"; 0 where the word is not there.
int64_t beside(const fs::path& file, const std::string& wanted) {
  std::ifstream in(file);
  std::string word;
  for (int64_t value = 0; in >> word >> value;)
    if (word == wanted) return value;
  return 0;
}

/// What is left below the limits of one group and of those above it. Pages that files stand behind
/// count as free: they leave when somebody needs the room.
int64_t left_below(const fs::path& root, const std::string& group, const char* limit_file,
                   const char* taken) {
  auto least = std::numeric_limits<int64_t>::max();
  for (auto at = root / group.substr(1);; at = at.parent_path()) {
    if (const auto limit = number_in(at / limit_file); limit >= 0)
      least = std::min(least, std::max<int64_t>(0, limit - beside(at / "memory.stat", taken)));
    if (at == root || at == at.parent_path() || at.string().size() <= root.string().size()) break;
  }
  return least;
}

/// Below the limits of this process's control groups, of either version (cgroups(7)).
int64_t left_in_groups() {
  auto least = std::numeric_limits<int64_t>::max();
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto group = line.substr(std::min(line.size(), line.rfind(':') + 1));
    if (!group.starts_with("/")) continue;
    if (line.starts_with("0::"))
      least = std::min(least, left_below("/sys/fs/cgroup", group, "memory.max", "anon"));
    else if (line.find(":memory:") != std::string::npos)
      least = std::min(
          least, left_below("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes", "total_rss"));
  }
  return least;
}

}  // namespace

int64_t free_memory() {
  return std::min(available(), left_in_groups());
}

int64_t whole_bytes(const fs::path& model, at::ScalarType compute) {
  int64_t weights = 0;
  for (const auto& [name, t] : read_checkpoint(model).tensors) weights += t.numel();
  return weights * (2 * static_cast<int64_t>(c10::elementSize(compute)) + 1);
}

bool lives_by_block(const fs::path& model, at::ScalarType compute, const std::string& asked) {
  if (asked != "auto") return asked == "block";
  std::error_code ignored;
  int64_t stored = 0;  // a small file is not opened to find out
  for (const auto& f : files_of_model(model))
    stored += static_cast<int64_t>(fs::file_size(f, ignored));
  constexpr int64_t kSmall = int64_t{256} << 20;
  return stored > kSmall && whole_bytes(model, compute) > free_memory() / 5 * 4;
}

namespace {

/// Of a statistic of a layer that is a shape alone; 0 where it cannot be made of one.
int64_t bytes_of(const StatisticKind& kind, const Layer& layer) {
  int64_t bytes = 0;
  try {
    for (const auto& [name, value] : kind.make(layer)->values())
      if (value.defined()) bytes += static_cast<int64_t>(value.nbytes());
  } catch (const std::exception&) {
    return 0;
  }
  return bytes;
}

/// The statistics of some layers, as long as nothing is released.
int64_t bytes_of(const Needs& needs, const std::vector<Layer*>& layers, Pass::Reach reach) {
  int64_t bytes = 0;
  std::set<std::string> seen;
  for (const auto& kind : needs)
    if (kind.pass->reach == reach && seen.insert(kind.key).second)
      for (const Layer* l : layers) bytes += bytes_of(kind, *l);
  return bytes;
}

/// What the walk of a method holds at once, and the largest layer it comes by.
void add_walk(Demand& demand, Model& model, const Method& method) {
  const auto all = prunable(model, method.pattern);
  const auto needs = method.needs();
  const auto global = bytes_of(needs, all, Pass::Global);
  const auto keep = [&](int64_t bytes, const std::string& of) {
    if (global + bytes <= demand.statistics) return;
    demand.statistics = global + bytes;
    demand.of = of;
  };
  keep(0, "all blocks");
  if (method.propagation == Propagation::Dense)
    keep(bytes_of(needs, all, Pass::Local), "all blocks");
  for (int64_t b = 0; b < model.block_count(); ++b) {
    const std::set<Layer*> reached(all.begin(), all.end());
    for (Layer* l : model.layers(b)) {
      if (!reached.contains(l)) continue;
      if (method.pattern.kind != Pattern::Structured)
        demand.layer = std::max(demand.layer, l->weight.numel() * 5);  // float32, and a byte
      if (method.propagation == Propagation::PerLinear)
        keep(bytes_of(needs, {l}, Pass::Local), fmt::format("block {}", b));
    }
    if (method.propagation != Propagation::SequentialBlock) continue;
    std::vector<Layer*> here;
    for (Layer* l : model.layers(b))
      if (reached.contains(l)) here.push_back(l);
    keep(bytes_of(needs, here, Pass::Local), fmt::format("block {}", b));
  }
}

std::string gib(int64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (int64_t{1} << 30));
}

}  // namespace

Demand least_demand(const fs::path& path, at::ScalarType compute, const Method* method) {
  Demand demand;
  auto checkpoint = described_checkpoint(path);
  if (!checkpoint) return demand;
  checkpoint->compute = compute;
  if (is_drawn(path))
    for (const auto& [name, t] : checkpoint->tensors)
      demand.drawn += static_cast<int64_t>(t.nbytes());
  if (!method) return demand;
  try {
    add_walk(demand, *build_model(*checkpoint), *method);
  } catch (const std::exception&) {
    // No model can be built of it, or not of shapes alone: check_checkpoint() says what is wrong.
  }
  return demand;
}

void check_room(const Demand& demand, const std::string& name, int64_t free) {
  if (demand.total() <= free) return;
  std::string parts, remedy = "or a smaller model";
  const auto part = [&](int64_t bytes, const std::string& what) {
    if (bytes > 0) parts += fmt::format("{}{} of {}", parts.empty() ? "" : ", ", gib(bytes), what);
  };
  part(demand.drawn, "weights that its config.json draws");
  part(demand.statistics, "statistics of " + demand.of);
  part(demand.layer, "score and mask of its largest layer");
  if (demand.drawn > demand.statistics + demand.layer)
    remedy = "or store its weights in a model.safetensors, which is read block by block";
  else if (demand.statistics > demand.layer)
    remedy = demand.of == "all blocks"
                 ? "or measure one block at a time (propagation=sequential_block), if the method "
                   "can, or take a criterion and updates with smaller statistics"
                 : "or take a criterion and updates with smaller statistics";
  fail(
      "model.name: a trial of {} takes at least {} of memory even with residency=block ({}), and "
      "{} are free: give it more (a larger machine, or a higher limit of its control group), {}",
      name, gib(demand.total()), parts, gib(free), remedy);
}

}  // namespace bench

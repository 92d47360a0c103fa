// Group importances of Torch-Pruning: the recorded groups are built from the recorded members, so
// that misread shortcuts count as they were read.
#include "measure/passes.h"
#include "measure/statistics.h"
#include "parity/vision.h"

namespace bench::verify {
namespace {

std::vector<int64_t> indices(const Json& given) {
  if (given.is_array()) return given.get<std::vector<int64_t>>();
  const auto text = given.get<std::string>();
  std::vector<int64_t> all;
  const auto dots = text.find("..");
  const auto first = std::stoll(text);
  const auto last = dots == std::string::npos ? first : std::stoll(text.substr(dots + 2));
  for (auto i = first; i <= last; ++i) all.push_back(i);
  return all;
}

/// Which indices of a member belong to each channel of its group, in the group's order. Where the
/// record does not say, index i is channel i, and a flattened map gives neighbours to one channel.
/// last: of several indices of one channel only the last is left, as a scatter of maxima leaves it.
std::vector<int64_t> by_channel(const Json& member, int64_t channels, bool last) {
  const auto own = indices(member.at("idxs"));
  const auto n = static_cast<int64_t>(own.size());
  std::vector<std::pair<int64_t, int64_t>> order;  // channel, index
  std::vector<int64_t> roots;
  if (member.contains("root_idxs") && !member.at("root_idxs").is_null())
    roots = indices(member.at("root_idxs"));
  for (int64_t i = 0; i < n; ++i)
    order.emplace_back(!roots.empty()  ? roots.at(static_cast<size_t>(i))
                       : n == channels ? own[static_cast<size_t>(i)]
                                       : i / (n / channels),
                       own[static_cast<size_t>(i)]);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<int64_t> out;
  for (size_t i = 0; i < order.size(); ++i)
    if (!last || i + 1 == order.size() || order[i + 1].first != order[i].first)
      out.push_back(order[i].second);
  return out;
}

/// Taylor and Hessian importances sort a member's indices in place before they read weights, while
/// the roots stay in the old order: index i of such a member counts for the i-th root. The roots
/// are the unsorted list, which the cases beside this one tell.
Json roots_of(const fs::path& file, const Json& group, const Json& member) {
  const auto same = [&](const Json& a, const Json& b) {
    return a.at("module") == b.at("module") && a.at("op") == b.at("op");
  };
  for (const auto& e : fs::directory_iterator(file.parent_path().parent_path())) {
    const auto other = e.path() / "case.json";
    if (!fs::exists(other)) continue;
    const auto beside = read_json(other);
    for (const auto& g : beside.at("groups")) {
      if (g.at("key") != group.at("key")) continue;
      for (const auto& m : g.at("members"))
        if (same(m, member) && m.at("idxs").is_array() &&
            m.at("idxs").size() == group.at("channels").get<size_t>())
          return m.at("idxs");
    }
  }
  return nullptr;
}

/// A recorded group on copies of the parts of layers that it names.
struct Recorded {
  Group group;
  std::vector<std::unique_ptr<Layer>> layers;
  std::vector<std::unique_ptr<Tensor>> vectors;
};

class Builder {
 public:
  Builder(Model& model, const Stats& from, Stats& to, fs::path file, const std::string& name)
      : from_(from),
        to_(to),
        file_(std::move(file)),
        sorts_(name.starts_with("taylor") || name.starts_with("hessian")),
        last_(name.find("_max") != std::string::npos) {
    for (Layer* l : model.layers()) layers_[short_module(l->name)] = l;
    for (const auto& t : model.tensors())
      if (t.tensor->defined()) tensors_[short_module(t.name)] = {t.name, t.tensor};
  }

  Recorded build(const Json& given, const Needs& needs) {
    Recorded r;
    r.group.name = given.at("key").get<std::string>();
    r.group.kind = "channel";
    r.group.units = given.at("channels");
    for (auto m : given.at("members")) {
      if (sorts_ && (!m.contains("root_idxs") || m.at("root_idxs").is_null()))
        m["root_idxs"] = roots_of(file_, given, m);
      const auto module = m.at("module").get<std::string>();
      const auto order = at::tensor(by_channel(m, r.group.units, last_), at::kLong);
      if (const auto it = layers_.find(module); it != layers_.end())
        add_layer(r, *it->second, m.at("op").get<std::string>(), order, needs);
      else if (const auto v = tensors_.find(module + ".weight"); v != tensors_.end())
        add_vector(r, v->second.first, *v->second.second, order, needs);
      else
        bench::fail("{}: has no module {}", r.group.name, module);
    }
    return r;
  }

 private:
  void add_layer(Recorded& r, const Layer& whole, const std::string& op, const Tensor& order,
                 const Needs& needs) {
    const auto dim = op.find("_out_") != std::string::npos ? Slice::Out : Slice::In;
    auto part = std::make_unique<Layer>(whole);
    part->name = fmt::format("{} {} {}", r.group.name, r.layers.size(), whole.name);
    const auto pick = [&](const Tensor& matrix) {
      return matrix.reshape(whole.weight.sizes()).index_select(dim, order);
    };
    part->weight = pick(whole.matrix()).contiguous();
    if (dim == Slice::Out && whole.bias.defined()) part->bias = whole.bias.index_select(0, order);
    for (const auto& kind : needs) narrow(kind, whole, *part, pick);
    const auto fold = order.numel() / r.group.units;
    r.group.slices.push_back(
        {part.get(), dim, fold * (dim == Slice::In ? part->columns_per_channel() : 1)});
    r.layers.push_back(std::move(part));
  }

  template <class Pick>
  void narrow(const StatisticKind& kind, const Layer& whole, const Layer& part, const Pick& pick) {
    if (kind.key == MeanGradient::kName) {
      to_.put<MeanGradient>(part, kind).mean =
          pick(from_.get<MeanGradient>(whole, kind).mean).flatten(1);
    } else if (kind.key == GradientMoments::kName) {
      const auto& f = from_.get<GradientMoments>(whole, kind);
      auto& t = to_.put<GradientMoments>(part, kind);
      t.square_sum = pick(f.square_sum).flatten(1);
      t.last_square = pick(f.last_square).flatten(1);
      t.vector_square_sum = f.vector_square_sum;
      t.vector_last_square = f.vector_last_square;
      t.count = f.count;
    } else {
      bench::fail("the statistic {} cannot be narrowed to recorded members", kind.key);
    }
  }

  void add_vector(Recorded& r, const std::string& name, const Tensor& whole, const Tensor& order,
                  const Needs& needs) {
    r.vectors.push_back(std::make_unique<Tensor>(whole.index_select(0, order)));
    const auto part = r.group.name + " " + name;
    for (const auto& kind : needs)
      if (kind.key == GradientMoments::kName) {
        const auto& f = from_.get<GradientMoments>(*layers_.begin()->second, kind);
        for (auto* all : {f.vector_square_sum.get(), f.vector_last_square.get()})
          if (const auto it = all->find(name); it != all->end())
            (*all)[part] = it->second.index_select(0, order);
      }
    r.group.followers.push_back({r.vectors.back().get(), Follower::Affine, 1, 0, part});
  }

  const Stats& from_;
  Stats& to_;
  fs::path file_;
  bool sorts_, last_;
  std::map<std::string, Layer*> layers_;
  std::map<std::string, std::pair<std::string, Tensor*>> tensors_;
};

/// "magnitude_l2_mean_gaussian", "taylor_sum_none", "lamp": criterion with its settings.
std::unique_ptr<Criterion> criterion_of(const std::string& name) {
  std::vector<std::string> words;
  for (size_t at = 0; at <= name.size();) {
    const auto end = std::min(name.find('_', at), name.size());
    words.push_back(name.substr(at, end - at));
    at = end + 1;
  }
  Value s{Value::Map{}};
  std::string plugin;
  size_t used = 1;
  if (words[0] == "magnitude") {
    plugin = "group_norm";
    if (words.size() > 1) s.set("p", Value(int64_t{words[1] == "l1" ? 1 : 2}));
    used = 2;
  } else if (words[0] == "bn") {
    plugin = "bn_gamma", used = 2;
  } else if (words[0] == "taylor") {
    plugin = "group_taylor";
  } else if (words[0] == "hessian") {
    plugin = "hessian";
    s.set("accumulate", "last");  // as shipped
  } else if (words[0] == "fpgm") {
    plugin = "fpgm";
    s.set("form", "group");
    s.set("normalizer", "mean");
  } else if (words[0] == "lamp") {
    plugin = "lamp";
  } else {
    return nullptr;
  }
  if (words.size() > used) s.set("members", words[used]);
  if (words.size() > used + 1) s.set("normalizer", words[used + 1]);
  return Registry<Criterion>::instance().create(plugin, s);
}

/// "first 32 test images, per-sample gradients": of the recorded file.
int64_t first_images(const std::string& text) {
  const auto at = text.find("first ");
  return at == std::string::npos ? 0 : std::stoll(text.substr(at + 6));
}

}  // namespace

void verify_torch_pruning(Run& run, const fs::path& file, const Json& record) {
  const auto name = record.at("parameters").at("name").get<std::string>();
  const auto criterion = criterion_of(name);
  if (!criterion) return run.skip("torch-pruning", file, "importance " + name + " is not known");
  const auto model = vision_model(run, record);
  auto data = vision_batches(run, record);
  if (record.at("gradients").is_string()) {
    if (const auto n = first_images(record.at("gradients").get<std::string>())) {
      auto& b = data.batches.front();
      b.images = b.images.narrow(0, 0, n), b.labels = b.labels.narrow(0, 0, n);
    }
  }
  const auto needs = criterion->needs();
  const auto stats =
      collect({*model, {0, model->block_count()}, data, model->layers()}, needs, Pass::Global);
  Stats narrowed;
  Builder builder(*model, *stats, narrowed, file, name);
  const auto theirs = read_safetensors((file.parent_path() / "data.safetensors").string());
  double worst = 0;
  at::NoGradGuard no_grad;
  for (const auto& g : record.at("groups")) {
    const auto recorded = builder.build(g, needs);
    const auto it = theirs.find(recorded.group.name);
    if (it == theirs.end()) continue;
    const auto ours = criterion->units(recorded.group, narrowed);
    const double off = relative(ours, it->second);
    if (!(off <= 1e-4)) bench::fail("{}: off by {:.2e} of the largest", recorded.group.name, off);
    worst = std::max(worst, off);
  }
  run.pass("torch-pruning " + name, worst / 1e-4);
}

}  // namespace bench::verify

// Group importances of Torch-Pruning: the recorded groups are built from the recorded members, so
// that misread shortcuts count as they were read.
#include <functional>
#include <set>

#include "data/images.h"
#include "measure/channel_activity.h"
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
    if (!beside.contains("groups")) continue;
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
        sorts_(name == "group_taylor" || name == "hessian" || name == "obdc" ||
               name == "activation") {
    for (Layer* l : model.layers()) layers_[short_module(l->name)] = l;
    for (const auto& t : model.tensors())
      if (t.tensor->defined()) tensors_[short_module(t.name)] = {t.name, t.tensor};
  }

  /// reduction: under all but sums a channel with several indices has the last one's value, which
  /// is what their scatter leaves.
  Recorded build(const Json& given, const Needs& needs, const std::string& reduction) {
    last_ = reduction != "sum" && reduction != "mean";
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
      else if (tensors_.contains(module + ".weight"))
        add_norm(r, module, order, needs);
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
    if (dim == Slice::In) narrow_inputs(needs, whole, *part, order);
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
    } else if (!kind.key.starts_with(ChannelActivity::kName) && kind.key != "follower_gradient") {
      bench::fail("the statistic {} cannot be narrowed to recorded members", kind.key);
    }
  }

  void narrow_inputs(const Needs& needs, const Layer& whole, const Layer& part,
                     const Tensor& order) {
    for (const auto& kind : needs)
      if (kind.key.starts_with(ChannelActivity::kName)) {
        const auto& f = from_.get<ChannelActivity>(whole, kind);
        auto& t = to_.put<ChannelActivity>(part, kind);
        t.sum = f.sum.index_select(0, order), t.places = f.places;
      }
  }

  void add_norm(Recorded& r, const std::string& module, const Tensor& order, const Needs& needs) {
    const auto& [name, whole] = tensors_.at(module + ".weight");
    r.vectors.push_back(std::make_unique<Tensor>(whole->index_select(0, order)));
    const auto part = r.group.name + " " + name;
    for (const auto& kind : needs)
      if (kind.key == GradientMoments::kName) {
        const auto& f = from_.get<GradientMoments>(*layers_.begin()->second, kind);
        for (auto* all : {f.vector_square_sum.get(), f.vector_last_square.get()})
          if (const auto it = all->find(name); it != all->end())
            (*all)[part] = it->second.index_select(0, order);
      }
    r.group.followers.push_back({r.vectors.back().get(), Follower::Affine, 1, 0, part});
    const auto shift = tensors_.find(module + ".bias");
    if (shift == tensors_.end()) return;
    r.vectors.push_back(std::make_unique<Tensor>(shift->second.second->index_select(0, order)));
    r.group.followers.push_back({r.vectors.back().get(), Follower::Affine});
  }

  const Stats& from_;
  Stats& to_;
  fs::path file_;
  bool sorts_, last_ = false;
  std::map<std::string, Layer*> layers_;
  std::map<std::string, std::pair<std::string, Tensor*>> tensors_;
};

/// One recorded importance: a criterion's plugin with its settings.
struct Importance {
  std::string plugin, reduction = "mean";
  Value settings{Value::Map{}};
  std::unique_ptr<Criterion> make() const {
    return Registry<Criterion>::instance().create(plugin, settings);
  }
  /// OBD-C divides by batches; of activations the last batch counts.
  void batches_of(const Calibration& data) {
    if (plugin == "obdc") settings.set("batch", Value(data.batches.front().count()));
    if (plugin == "activation") settings.set("last", Value(data.batches.back().count()));
  }
  void reduce(const std::string& theirs) {
    reduction = theirs;
    settings.set("members", theirs == "gate" ? "last" : theirs);
  }
  /// "sentinel_0.1", "standarization" (sic), ...
  void normalize(const std::string& theirs) {
    if (theirs.starts_with("sentinel_")) {
      settings.set("normalizer", "sentinel");
      settings.set("sentinel", Value(std::stod(theirs.substr(9))));
    } else if (plugin != "lamp") {  // its own
      settings.set("normalizer", theirs == "standarization" ? "standardization" : theirs);
    }
  }
};

std::vector<std::string> words_of(const std::string& name, char between) {
  std::vector<std::string> words;
  for (size_t at = 0; at <= name.size();) {
    const auto end = std::min(name.find(between, at), name.size());
    words.push_back(name.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

/// By the first word of a case's name or by the class that it names.
Importance of_kind(const std::string& kind) {
  static const std::map<std::string, std::string> plugins{
      {"magnitude", "group_norm"},
      {"GroupMagnitudeImportance", "group_norm"},
      {"bn", "bn_gamma"},
      {"BNScaleImportance", "bn_gamma"},
      {"taylor", "group_taylor"},
      {"GroupTaylorImportance", "group_taylor"},
      {"hessian", "hessian"},
      {"GroupHessianImportance", "hessian"},
      {"fpgm", "fpgm"},
      {"FPGMImportance", "fpgm"},
      {"lamp", "lamp"},
      {"LAMPImportance", "lamp"},
      {"obdc", "obdc"},
      {"OBDCImportance", "obdc"},
      {"activation", "activation"},
      {"ActivationImportance", "activation"}};
  const auto it = plugins.find(kind);
  if (it == plugins.end()) throw Missing("the importance " + kind + " is not known");
  Importance all{it->second};
  if (all.plugin == "hessian") all.settings.set("accumulate", "last");  // as shipped
  if (all.plugin == "fpgm") all.settings.set("form", "group");
  if (all.plugin == "fpgm") all.settings.set("normalizer", "mean");
  return all;
}

/// "magnitude_l2_mean_gaussian", "taylor_sum_none", "lamp".
Importance importance_of(const std::string& name) {
  const auto words = words_of(name, '_');
  auto all = of_kind(words[0]);
  static const std::set<std::string> reductions{"sum", "mean", "max", "prod", "first", "gate"};
  bool reduced = false;
  for (size_t i = 1; i < words.size(); ++i) {
    const auto& w = words[i];
    if (w == "scale") continue;  // bn_scale
    if (w == "l1" || w == "l2")
      all.settings.set("p", Value(int64_t{w == "l1" ? 1 : 2}));
    else if (w == "multivariable" || w == "bias")
      all.settings.set(w, Value(true));
    else if (!reduced && reductions.contains(w))
      all.reduce(w), reduced = true;
    else if (w == "sentinel" && i + 1 < words.size())
      all.normalize(w + "_" + words[++i]);
    else
      all.normalize(w);
  }
  return all;
}

/// A class with its arguments, and one of its options: "p2-mean-none", "gate-sentinel_0.1".
Importance importance_of(const Json& parameters, const std::string& option) {
  auto all = of_kind(parameters.at("class").get<std::string>());
  const bool norm = all.plugin == "group_norm" || all.plugin == "lamp";
  if (parameters.contains("p")) all.settings.set("p", Value(parameters.at("p").get<int64_t>()));
  if (norm) all.settings.set("bias", Value(parameters.value("bias", false)));
  if (parameters.value("multivariable", false)) all.settings.set("multivariable", Value(true));
  auto words = words_of(option, '-');
  if (words.size() == 3) {
    all.settings.set("p", Value(int64_t{std::stoll(words[0].substr(1))}));
    words.erase(words.begin());
  }
  all.reduce(words.at(0));
  all.normalize(words.at(1));
  return all;
}

/// "first 32 test images, per-sample gradients": of the recorded file.
int64_t first_images(const std::string& text) {
  const auto at = text.find("first ");
  return at == std::string::npos ? 0 : std::stoll(text.substr(at + 6));
}

/// Scores of the recorded groups by one importance against theirs; the largest deviation.
class Scored {
 public:
  Scored(Model& model, Calibration& data, fs::path file) : model_(model), data_(data), file_(file) {
    data_.start(model_);
  }

  double compare(const Importance& importance, const Json& groups, const TensorMap& theirs,
                 const std::function<std::string(const std::string& group)>& name_of) {
    const auto criterion = importance.make();
    const auto needs = criterion->needs();
    std::string key;
    for (const auto& n : needs) key += n.key;
    auto& stats = stats_[key];
    if (!stats)
      stats =
          collect({model_, {0, model_.block_count()}, data_, model_.layers()}, needs, Pass::Global);
    Stats narrowed;
    Builder builder(model_, *stats, narrowed, file_, importance.plugin);
    at::NoGradGuard no_grad;
    double worst = 0;
    for (const auto& g : groups) {
      const auto it = theirs.find(name_of(g.at("key").get<std::string>()));
      if (it == theirs.end()) continue;
      const auto recorded = builder.build(g, needs, importance.reduction);
      const auto ours = criterion->units(recorded.group, narrowed);
      const double off = relative(ours, it->second);
      if (!(off <= 1e-4)) bench::fail("{}: off by {:.2e} of the largest", it->first, off);
      worst = std::max(worst, off);
      ++compared;
    }
    return worst;
  }

  size_t compared = 0;

 private:
  Model& model_;
  Calibration& data_;
  fs::path file_;
  std::map<std::string, std::shared_ptr<const Stats>> stats_;
};

/// Records "first..last" of the shipped test images, several ranges after one another: one batch.
Calibration records(const Run& run, const Json& parameters) {
  const std::string file = "vision/cifar10/test_first932.bin";
  if (parameters.contains("batch") && parameters.at("batch").is_object())
    return vision_batches(run, parameters);
  std::string text;
  for (const char* k : {"batch", "batches", "samples"})
    if (parameters.contains(k) && parameters.at(k).is_string()) text = parameters.at(k);
  Calibration c;
  c.hash = file + text;
  const auto path = run.data(file).string();
  for (size_t at = 0; (at = text.find("..", at)) != std::string::npos; ++at) {
    const auto begin = text.find_last_not_of("0123456789", at - 1);
    const auto first = std::stoll(text.substr(begin == std::string::npos ? 0 : begin + 1));
    c.batches.push_back(read_cifar(path, first, std::stoll(text.substr(at + 2)) - first + 1));
  }
  if (c.batches.empty()) c.batches.push_back(read_cifar(path, 0, 1));  // read by no importance
  return c;
}

/// The groups that the cases of single importances record for the same model.
Json groups_of(const fs::path& file, const std::string& model) {
  for (auto at = file.parent_path(); at.has_relative_path(); at = at.parent_path()) {
    const auto folder = at / "torch_pruning" / model;
    if (!fs::is_directory(folder)) continue;
    for (const auto& e : fs::directory_iterator(folder))
      if (fs::exists(e.path() / "case.json")) return read_json(e.path() / "case.json").at("groups");
  }
  throw Missing("no case beside it records the groups of " + model);
}

}  // namespace

void verify_torch_pruning(Run& run, const fs::path& file, const Json& record) {
  const auto name = record.at("parameters").at("name").get<std::string>();
  const auto model = vision_model(run, record);
  auto data = vision_batches(run, record);
  if (record.at("gradients").is_string()) {
    if (const auto n = first_images(record.at("gradients").get<std::string>())) {
      auto& b = data.batches.front();
      b.images = b.images.narrow(0, 0, n), b.labels = b.labels.narrow(0, 0, n);
    }
  }
  const auto theirs = read_safetensors((file.parent_path() / "data.safetensors").string());
  Scored scored(*model, data, file);
  const auto worst = scored.compare(importance_of(name), record.at("groups"), theirs,
                                    [](const std::string& group) { return group; });
  if (scored.compared == 0) bench::fail("no recorded group was compared");
  run.pass("torch-pruning " + name, worst / 1e-4);
}

void verify_torch_pruning_grid(Run& run, const fs::path& file, const Json& record) {
  const auto model = vision_model(run, record);
  const auto& parameters = record.at("parameters");
  auto data = records(run, parameters);
  const auto theirs = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto groups = groups_of(file, record.at("model").get<std::string>());
  Scored scored(*model, data, file);
  double worst = 0;
  for (const auto& option : record.at("result").at("options")) {
    const auto text = option.get<std::string>();
    // "g2.layer1.0.conv1": a number, then the root.
    const auto name_of = [&](const std::string& group) {
      return text + "/" + group.substr(group.find('.') + 1);
    };
    auto importance = importance_of(parameters, text);
    importance.batches_of(data);
    worst = std::max(worst, scored.compare(importance, groups, theirs, name_of));
  }
  if (scored.compared != theirs.size())
    bench::fail("{} of {} recorded scores were compared", scored.compared, theirs.size());
  run.pass("torch-pruning grid", worst / 1e-4);
}

}  // namespace bench::verify

// The study of ifso.md 5: does a score tell the loss change of a channel's removal, with retraining
// or without? A task on the dense model: it samples channels, removes each alone, measures the loss
// at once (raw, and with recalibrated norms) and after retraining against a control that trains as
// long, and compares every estimator with both by rank.
// Decision rule, fixed beforehand (ifso.md 5, point 8): claim A (the two changes differ) holds if
// the upper end of the 95 % interval of Spearman(no retraining, retraining) lies below the noise
// ceiling, the mean Spearman between seeds; claim B (ifso tells the retrained change) only if the
// interval of IFSO's Spearman lies wholly above those of the change without retraining and of
// Group Fisher.
#include <cmath>
#include <sstream>

#include "base/digest.h"
#include "core/task.h"
#include "data/data.h"
#include "data/images.h"
#include "hydra/yaml/yaml.h"
#include "measure/passes.h"
#include "stages/training.h"
#include "studies/rank.h"

namespace bench {
namespace {

using Values = std::vector<double>;

struct Channel {
  size_t group;
  int64_t unit;
};

class LossChange : public Task {
 public:
  static Schema schema() {
    return TrainingSettings::schema() +
           Schema{key("label", "loss_change", "the study's name in tables"),
                  key("each", 2, "channels that are sampled from every group").at_least(1),
                  key("seeds", 3, "retrainings of every channel, and controls").at_least(1),
                  key("score_images", 256, "images that estimators see").at_least(1),
                  key("estimators",
                      std::vector<std::string>{"ifso", "group_fisher", "taylor_gate",
                                               "group_taylor", "hessian", "l1_filter", "l2_filter"},
                      "criteria that are compared, with settings: \"ifso backend=exact\"")};
  }
  explicit LossChange(const Config& c)
      : how_(c),
        label_(c.get<std::string>("label")),
        each_(c.get<int64_t>("each")),
        seeds_(c.get<int64_t>("seeds")),
        score_images_(c.get<int64_t>("score_images")),
        estimators_(c.get<std::vector<std::string>>("estimators")) {}

  void check() const override {
    how_.source.check();
    for (const auto& e : estimators_) estimator(e);
  }

  Accepts accepts() const override { return {.input = Input::Images}; }

  std::vector<Metric> run(const TaskContext& c) const override {
    at::NoGradGuard no_grad;
    if (c.model.input() != Input::Images)
      fail("the study loss_change is made for networks of images");
    const Snapshot base(c.model);
    auto groups = c.model.groups("channel");
    const auto channels = sample(groups);
    const auto all = read_images(how_.source, 0, how_.images);
    const double whole = mean_loss(c, all);
    Values no, recalibrated;
    for (const auto& ch : channels) {
      remove(groups, ch);
      no.push_back(mean_loss(c, all) - whole);
      recalibrate(c);
      recalibrated.push_back(mean_loss(c, all) - whole);
      base.restore(c.model);
    }
    std::vector<Values> truth;
    int64_t done = 0;
    for (int64_t seed = 0; seed < seeds_; ++seed) {
      retrain(c, seed);
      const double control = mean_loss(c, all);
      base.restore(c.model);
      Values changes;
      for (const auto& ch : channels) {
        remove(groups, ch);
        retrain(c, seed);
        changes.push_back(mean_loss(c, all) - control);
        base.restore(c.model);
        if (c.progress) c.progress(++done, seeds_ * static_cast<int64_t>(channels.size()));
      }
      truth.push_back(std::move(changes));
    }
    return report(c, all, groups, channels, {no, recalibrated}, truth);
  }

 private:
  static std::unique_ptr<Criterion> estimator(const std::string& text) {
    std::istringstream words(text);
    std::string name, word, settings;
    words >> name;
    while (words >> word) {
      const auto equal = word.find('=');
      if (equal == word.npos)
        fail("task.estimators: '{}' is no setting; write e.g. \"ifso backend=exact\"", word);
      settings += word.substr(0, equal) + ": " + word.substr(equal + 1) + "\n";
    }
    return Registry<Criterion>::instance().create(name, load_yaml(settings, "task.estimators"));
  }

  /// Evenly spaced units of every group: the same for every run.
  std::vector<Channel> sample(const std::vector<Group>& groups) const {
    std::vector<Channel> all;
    for (size_t g = 0; g < groups.size(); ++g) {
      const auto n = std::min(each_, groups[g].units);
      for (int64_t i = 0; i < n; ++i) all.push_back({g, (2 * i + 1) * groups[g].units / (2 * n)});
    }
    return all;
  }

  static void remove(const std::vector<Group>& groups, const Channel& c) {
    const auto& g = groups[c.group];
    auto keep = at::ones({g.units}, at::kBool);
    keep[c.unit] = false;
    const auto masks = g.layer_masks(keep);
    for (size_t i = 0; i < masks.size(); ++i) g.slices[i].layer->set_mask(masks[i]);
    mask_followers(g, keep);
  }

  double mean_loss(const TaskContext& c, const Batch& all) const {
    double sum = 0;
    for (int64_t at = 0; at < all.images.size(0); at += 128) {
      Batch b;
      const auto n = std::min<int64_t>(128, all.images.size(0) - at);
      b.images = all.images.narrow(0, at, n).to(c.device);
      b.labels = all.labels.narrow(0, at, n).to(c.device);
      sum += c.model.loss(b).item<double>() * static_cast<double>(n);
    }
    return sum / static_cast<double>(all.images.size(0));
  }

  void retrain(const TaskContext& c, int64_t seed) const {
    auto how = how_;
    how.seed = static_cast<uint64_t>(seed);
    how.save_every = 0;
    Method method;
    method.pattern.kind = Pattern::Structured;
    method.pattern.groups = {"channel"};
    std::map<std::string, std::shared_ptr<const Snapshot>> kept;
    kept["loaded"] = std::make_shared<const Snapshot>(c.model);
    StageContext context{c.model, method, 0, c.device, kept, {}, {}, ""};
    Trainer(context, how).run();
  }

  void recalibrate(const TaskContext& c) const {
    Value s{Value::Map{}};
    s.set("file", how_.source.file);
    s.set("resize", Value(how_.source.resize));
    s.set("center_crop", Value(how_.source.center_crop));
    s.set("images", Value(how_.images));
    std::map<std::string, std::shared_ptr<const Snapshot>> kept;
    const Method none;
    StageContext context{c.model, none, 0, c.device, kept, {}, {}, ""};
    Registry<Stage>::instance().create("bn_recalibrate", s)->apply(context);
  }

  Values scores(const TaskContext& c, const std::string& name, const Batch& all,
                const std::vector<Group>& groups, const std::vector<Channel>& channels) const {
    const auto criterion = estimator(name);
    Calibration data;
    const auto n = std::min(score_images_, all.images.size(0));
    for (int64_t at = 0; at < n; at += how_.batch) {
      Batch b;
      b.images = all.images.narrow(0, at, std::min(how_.batch, n - at)).to(c.device);
      b.labels = all.labels.narrow(0, at, std::min(how_.batch, n - at)).to(c.device);
      data.batches.push_back(std::move(b));
    }
    const Probe probe{c.model, {0, c.model.block_count()}, data, c.model.layers()};
    const auto stats = collect(probe, criterion->needs(), Pass::Global);
    Values found;
    for (const auto& ch : channels)
      found.push_back(criterion->units(groups[ch.group], *stats)[ch.unit].item<double>());
    return found;
  }

  Metric one(const std::string& name, double value, const Values& items, int64_t n) const {
    Metric m{label_, name};
    m.value = value;
    m.n = n;
    m.unit = name.starts_with("dL") ? "nats" : "share";
    m.protocol = "loss_change@1";
    for (const auto v : items) m.items.push_back(static_cast<float>(v));
    m.items_hash = sha256_hex(fmt::format("{}|{}|{}", how_.text, each_, n));
    return m;
  }

  std::vector<Metric> report(const TaskContext& c, const Batch& all,
                             const std::vector<Group>& groups, const std::vector<Channel>& channels,
                             const std::pair<Values, Values>& at_once,
                             const std::vector<Values>& truth) const {
    const auto& [no, recalibrated] = at_once;
    const auto n = static_cast<int64_t>(channels.size());
    Values mean(channels.size(), 0);
    for (const auto& t : truth)
      for (size_t i = 0; i < t.size(); ++i) mean[i] += t[i] / static_cast<double>(truth.size());
    const auto average = [](const Values& v) {
      double sum = 0;
      for (const auto x : v) sum += x;
      return sum / static_cast<double>(v.size());
    };
    double ceiling = 0, pairs = 0;
    for (size_t a = 0; a < truth.size(); ++a)
      for (size_t b = a + 1; b < truth.size(); ++b)
        ceiling += spearman(truth[a], truth[b]), ++pairs;
    ceiling = pairs > 0 ? ceiling / pairs : 1;
    std::vector<Metric> out{one("dL_no", average(no), no, n),
                            one("dL_true", average(mean), mean, n), one("ceiling", ceiling, {}, n)};
    std::map<std::string, std::pair<double, double>> intervals;
    const auto compare = [&](const std::string& name, const Values& scores) {
      const auto interval = bootstrap(scores, mean, spearman, 2000, how_.seed);
      intervals[name] = interval;
      auto m = one(name + ".spearman", spearman(scores, mean), scores, n);
      m.stderr_ = (interval.second - interval.first) / (2 * 1.96);
      out.push_back(m);
      out.push_back(one(name + ".low", interval.first, {}, n));
      out.push_back(one(name + ".high", interval.second, {}, n));
      out.push_back(one(name + ".kendall", kendall(scores, mean), {}, n));
      out.push_back(one(name + ".bottom20", overlap(scores, mean, 0.2), {}, n));
    };
    compare("no_retrain", no);
    compare("no_retrain_recalibrated", recalibrated);
    for (const auto& e : estimators_) compare(e, scores(c, e, all, groups, channels));
    out.push_back(one("claim_A", intervals["no_retrain"].second < ceiling ? 1 : 0, {}, n));
    if (intervals.count("ifso") && intervals.count("group_fisher")) {
      const double low = intervals["ifso"].first;
      const bool b = low > intervals["no_retrain"].second && low > intervals["group_fisher"].second;
      out.push_back(one("claim_B", b ? 1 : 0, {}, n));
    }
    return out;
  }

  TrainingSettings how_;
  std::string label_;
  int64_t each_, seeds_, score_images_;
  std::vector<std::string> estimators_;
};

BENCH_REGISTER(Task, LossChange, "loss_change",
               .doc = "study: scores against loss changes of channels");

}  // namespace
}  // namespace bench

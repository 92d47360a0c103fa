// Pruner-Zero (Dong et al. 2024, arXiv 2406.02924; pprp/Pruner-Zero@7d64757 lib/gptree.py,
// lib/prune.py:466-476): a score is an expression over |W|, the norm G of the dense model's
// gradients and the squared norm X of the input column. Any symbolic score is a configuration; the
// paper's evolved tree is the default. Rows compete.
#include <cctype>
#include <map>
#include <memory>

#include "base/near.h"
#include "core/criterion.h"
#include "measure/statistics.h"

namespace bench {
namespace {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

/// Over the whole matrix where they scale (mms, zsn, div), as the authors' functions do.
const std::map<std::string, Unary>& unary() {
  static const std::map<std::string, Unary> all{
      {"abs", [](const Tensor& x) { return x.abs(); }},
      {"neg", [](const Tensor& x) { return x.neg(); }},
      {"sqr", [](const Tensor& x) { return x * x; }},
      {"pow", [](const Tensor& x) { return x.pow(2); }},
      {"sqrt", [](const Tensor& x) { return x.abs().sqrt(); }},
      {"log", [](const Tensor& x) { return (x.abs() + 0.001).log(); }},
      {"exp", [](const Tensor& x) { return x.clamp_max(100).exp(); }},
      {"tanh", [](const Tensor& x) { return x.tanh(); }},
      {"skp", [](const Tensor& x) { return x; }},
      {"mms", [](const Tensor& x) { return (x - x.min()) / (x.max() - x.min()); }},
      {"zsn", [](const Tensor& x) { return (x - x.mean()) / x.std(); }}};
  return all;
}
const std::map<std::string, Binary>& binary() {
  static const std::map<std::string, Binary> all{
      {"add", [](const Tensor& x, const Tensor& y) { return x + y; }},
      {"sub", [](const Tensor& x, const Tensor& y) { return x - y; }},
      {"mul", [](const Tensor& x, const Tensor& y) { return x * y; }},
      {"div", [](const Tensor& x, const Tensor& y) { return x / y.norm(); }}};
  return all;
}

struct Node {
  std::string name;
  std::vector<Node> of;  // none: W, G or X
};

/// mul(abs(mul(W, W)), mms(G))
class Parser {
 public:
  Parser(const std::string& text, const std::string& path) : text_(text), path_(path) {}
  Node parse() {
    auto root = node(0);
    skip();
    if (at_ < text_.size()) wrong("nothing more");
    return root;
  }

 private:
  static constexpr int kDeepest = 64;

  Node node(int depth) {
    if (depth > kDeepest) fail("{}: deeper than {} functions", path_, kDeepest);
    Node n{word(), {}};
    if (n.name == "W" || n.name == "G" || n.name == "X") return n;
    const bool two = binary().contains(n.name);
    if (!two && !unary().contains(n.name)) unknown(n.name);
    expect('(');
    n.of.push_back(node(depth + 1));
    if (two) {
      expect(',');
      n.of.push_back(node(depth + 1));
    }
    expect(')');
    return n;
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  std::string word() {
    skip();
    const auto begin = at_;
    while (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_]))) ++at_;
    if (at_ == begin) wrong("a function, W, G or X");
    return text_.substr(begin, at_ - begin);
  }
  void expect(char c) {
    skip();
    if (at_ == text_.size() || text_[at_] != c) wrong(fmt::format("'{}'", c));
    ++at_;
  }
  [[noreturn]] void wrong(const std::string& wanted) const {
    fail("{}: expected {} at character {} of '{}'", path_, wanted, at_ + 1, text_);
  }
  [[noreturn]] void unknown(const std::string& name) const {
    std::vector<std::string> known{"W", "G", "X"};
    for (const auto& [n, f] : unary()) known.push_back(n);
    for (const auto& [n, f] : binary()) known.push_back(n);
    fail("{}: unknown function '{}'{}", path_, name, suggestion(name, known));
  }

  const std::string& text_;
  std::string path_;
  size_t at_ = 0;
};

bool reads(const Node& n, const std::string& what) {
  if (n.name == what) return true;
  return std::any_of(n.of.begin(), n.of.end(), [&](const Node& o) { return reads(o, what); });
}

Tensor value(const Node& n, const std::map<std::string, Tensor>& leaves) {
  if (n.of.empty()) return leaves.at(n.name);
  if (n.of.size() == 1) return unary().at(n.name)(value(n.of[0], leaves));
  return binary().at(n.name)(value(n.of[0], leaves), value(n.of[1], leaves));
}

class PrunerZero : public Criterion {
 public:
  static Schema schema() {
    return {key("score", "mul(abs(mul(W,W)),mms(G))",
                "over W (sizes of weights), G (norm of gradients), X (squared norm of the input): "
                "add sub mul div; abs neg sqr pow sqrt log exp tanh skp mms zsn"),
            key("norm", "l2", "G: of the gradients over sequences").one_of({"l2", "l1"}),
            key("scale", 100.0, "the gradient counts so often").range(1e-6, 1e9),
            key("precision", "float32", "of G; float16 as the authors' code keeps it")
                .one_of({"float32", "float16"})};
  }
  explicit PrunerZero(const Config& c)
      : root_(Parser(c.get<std::string>("score"), c.path() + ".score").parse()),
        l2_(c.get<std::string>("norm") == "l2"),
        half_(c.get<std::string>("precision") == "float16"),
        scale_(c.get<double>("scale")) {}

  Ranks accepts() const override { return {{}, Contest::Row}; }
  Needs needs() const override {
    Needs all;
    if (reads(root_, "G")) all.push_back(kind());
    if (reads(root_, "X")) all.push_back(need<InputMoments>());
    return all;
  }
  Tensor score(const View& view, const Stats& stats) const override {
    auto w = view.layer.matrix().to(at::kFloat).abs().clone();
    w.slice(1, view.begin, view.end).copy_(view.weight.abs());  // as an update left them
    std::map<std::string, Tensor> leaves{{"W", w}};
    if (reads(root_, "G")) leaves["G"] = stats.get<GradientNorms>(view.layer, kind()).norm();
    if (reads(root_, "X"))
      leaves["X"] =
          stats.get<InputMoments>(view.layer).scaler_row().to(at::kFloat).reshape({1, -1});
    return value(root_, leaves).expand_as(w).slice(1, view.begin, view.end).to(at::kFloat);
  }

 private:
  StatisticKind kind() const { return need<GradientNorms>(int(l2_), int(half_), scale_); }
  Node root_;
  bool l2_, half_;
  double scale_;
};

BENCH_REGISTER(
    Criterion, PrunerZero, "pruner_zero",
    .doc = "a symbolic score over weights, gradients and inputs; the paper's evolved tree",
    .source = "Dong et al. 2024, arXiv 2406.02924", .year = 2024, .data = About::Data::Unlabelled,
    .how = About::How::Searched);

}  // namespace
}  // namespace bench

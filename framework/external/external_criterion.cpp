// A criterion that is another program: weights and statistics go out as safetensors, scores come
// back, layer by layer (docs/external.md).
#include <nlohmann/json.hpp>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <unistd.h>

#include "core/criterion.h"
#include "external/program.h"
#include "formats/safetensors.h"
#include "measure/statistics.h"

namespace bench {
namespace {

/// What a program may ask for, by name: what it needs, and the tensor that it is sent.
struct Sent {
  std::string name;
  StatisticKind kind;
  Tensor (*tensor)(const Layer&, const Stats&);
};

const std::vector<Sent>& sendable() {
  static const std::vector<Sent> all{
      {"input_norm", need<InputMoments>(),
       [](const Layer& l, const Stats& s) {
         return s.get<InputMoments>(l).scaler_row().sqrt().to(at::kFloat);
       }},
      {"input_mean", need<InputMoments>(),
       [](const Layer& l, const Stats& s) {
         const auto& m = s.get<InputMoments>(l);
         return (m.sum / static_cast<double>(std::max<int64_t>(m.rows, 1))).to(at::kFloat);
       }},
      {"gram", need<InputGram>(),
       [](const Layer& l, const Stats& s) { return s.get<InputGram>(l).gram; }},
      {"gradient", need<MeanGradient>(),
       [](const Layer& l, const Stats& s) { return s.get<MeanGradient>(l).mean.to(at::kFloat); }},
      {"gradient_square", need<GradientMoments>(), [](const Layer& l, const Stats& s) {
         const auto& m = s.get<GradientMoments>(l);
         return (m.square_sum / static_cast<double>(std::max<int64_t>(m.count, 1))).to(at::kFloat);
       }}};
  return all;
}

std::vector<std::string> names_of_sendable() {
  std::vector<std::string> names;
  for (const auto& s : sendable()) names.push_back(s.name);
  return names;
}

/// float32 tensors as one safetensors file.
std::string encoded(const std::vector<std::pair<std::string, Tensor>>& tensors,
                    const std::map<std::string, std::string>& about) {
  auto header = nlohmann::ordered_json::object();
  header["__metadata__"] = about;
  int64_t at = 0;
  for (const auto& [name, t] : tensors) {
    const auto bytes = static_cast<int64_t>(t.nbytes());
    header[name] = {
        {"dtype", "F32"}, {"shape", t.sizes().vec()}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  auto text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  std::string out(reinterpret_cast<const char*>(&length), sizeof length);
  out += text;
  for (const auto& [name, t] : tensors)
    out.append(static_cast<const char*>(t.const_data_ptr()), t.nbytes());
  return out;
}

/// Read by the one reader of the format, which checks it: for that it is a file for a moment.
Tensor decoded(const std::string& bytes, const std::string& name) {
  static std::atomic<int> count{0};
  const auto path = (std::filesystem::temp_directory_path() /
                     fmt::format("bench-answer-{}-{}.safetensors", getpid(), count++))
                        .string();
  std::ofstream(path, std::ios::binary) << bytes;
  Tensor answer;
  try {
    const auto tensors = read_safetensors(path);
    if (const auto it = tensors.find(name); it != tensors.end()) answer = it->second.clone();
  } catch (const Error&) {
    std::remove(path.c_str());
    fail("its answer is no safetensors file");
  }
  std::remove(path.c_str());
  if (!answer.defined()) fail("its answer holds no tensor '{}'", name);
  return answer;
}

class External : public Criterion {
 public:
  static Schema schema() {
    return {
        required("command", Key::Type::Strings,
                 "the program and its arguments; files among them are part of a trial's id")
            .names_files(),
        key("statistics", std::vector<std::string>{},
            "what it is sent beside the weight: input_norm, input_mean, gram, gradient, "
            "gradient_square"),
        key("contest", "row", "against what a weight competes, where the pattern leaves it open")
            .one_of({"row", "layer"}),
        key("timeout", 60.0, "how long it may take for a layer")
            .range(0.01, 1e6)
            .in("seconds")
            .without_identity()};
  }
  explicit External(const Config& c)
      : command_(c.get<std::vector<std::string>>("command")),
        statistics_(c.get<std::vector<std::string>>("statistics")),
        contest_(c.get<std::string>("contest") == "row" ? Contest::Row : Contest::Layer),
        timeout_(c.get<double>("timeout")) {
    if (command_.empty()) fail("{}.command: name a program", c.path());
    for (const auto& name : statistics_) sent(name, c.path());
  }

  Ranks accepts() const override { return {{.units = {}}, contest_}; }
  Needs needs() const override {
    Needs all;
    for (const auto& name : statistics_) all.push_back(sent(name, "").kind);
    return all;
  }

  Tensor score(const View& view, const Stats& stats) const override {
    const auto plain = [](const Tensor& t) { return t.to(at::kCPU, at::kFloat).contiguous(); };
    std::vector<std::pair<std::string, Tensor>> tensors{{"weight", plain(view.weight)}};
    for (const auto& name : statistics_) {
      auto t = plain(sent(name, "").tensor(view.layer, stats));
      if (t.size(-1) == view.layer.columns()) t = t.narrow(-1, view.begin, view.end - view.begin);
      if (name == "gram") t = t.narrow(0, view.begin, view.end - view.begin);
      tensors.emplace_back(name, t.contiguous());
    }
    const auto message =
        encoded(tensors, {{"protocol", "1"}, {"ask", "score"}, {"layer", view.layer.name}});
    const std::lock_guard one(lock_);
    if (!program_) program_ = std::make_unique<Program>(command_, timeout_);
    const size_t most = static_cast<size_t>(view.weight.numel()) * 8 + (1 << 20);
    return checked(program_->ask(message, most), view).to(view.weight.device());
  }

 private:
  static const Sent& sent(const std::string& name, const std::string& path) {
    for (const auto& s : sendable())
      if (s.name == name) return s;
    fail("{}.statistics: there is no '{}'{}", path, name, suggestion(name, names_of_sendable()));
  }

  Tensor checked(const std::string& answer, const View& view) const {
    try {
      auto scores = decoded(answer, "scores");
      if (!scores.is_floating_point()) fail("its scores are no numbers with a point");
      scores = scores.to(at::kFloat).contiguous();
      if (scores.sizes() != view.weight.sizes())
        fail("its scores have the shape [{}], the weight has [{}]", fmt::join(scores.sizes(), ", "),
             fmt::join(view.weight.sizes(), ", "));
      if (at::isnan(scores).any().item<bool>()) fail("its scores hold NaN");
      return scores;
    } catch (const Error& e) {
      fail("criterion external, {}: {} ({})", view.layer.name, e.what(), fmt::join(command_, " "));
    }
  }

  std::vector<std::string> command_, statistics_;
  Contest contest_;
  double timeout_;
  mutable std::mutex lock_;
  mutable std::unique_ptr<Program> program_;
};

BENCH_REGISTER(Criterion, External, "external",
               .doc = "scores that another program computes, layer by layer over a pipe",
               .source = "docs/external.md", .year = 2026, .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench

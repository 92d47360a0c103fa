#include "models/rope.h"

#include <algorithm>
#include <cmath>

#include "models/source.h"
#include "tensor/rows.h"

namespace bench {
namespace {

using Json = nlohmann::json;

double number(const Json& j, const char* key, double fallback, const std::string& where) {
  const auto it = j.find(key);
  if (it == j.end() || it->is_null()) return fallback;
  if (!it->is_number()) fail("{}: {} must be a number, not {}", where, key, it->dump());
  return it->get<double>();
}

/// The words of one dictionary under the names of transformers 5, empty ones left out.
Json spelled(const Json& given) {
  auto words = Json::object();
  for (const auto& [key, value] : given.items())
    if (!value.is_null()) words[key == "type" ? "rope_type" : key] = value;
  if (words.value("rope_type", Json()) == "su") words["rope_type"] = "longrope";
  return words;
}

/// All that config.json says of the rotation of one kind of layers, wherever it stands.
Json collected(Source& c, const std::string& kind) {
  Json words = Json::object();
  std::map<std::string, std::string> from;
  const auto say = [&](const Json& all, const std::string& place) {
    for (const auto& [key, value] : all.items()) {
      if (words.contains(key) && words[key] != value)
        fail("{}/config.json: {} says that {} is {}, and {} that it is {}: take one of them out",
             c.where(), from[key], key, words[key].dump(), place, value.dump());
      words[key] = value;
      from[key] = place;
    }
  };
  auto five = c.get("rope_parameters", Json());
  if (Rope::by_kind(c))
    five = five.value(kind.empty() ? std::string("full_attention") : kind, Json());
  if (five.is_object()) say(spelled(five), "rope_parameters");
  const bool sliding = kind == "sliding_attention";
  const auto four = c.get("rope_scaling", Json());
  if (four.is_object() && !sliding) say(spelled(four), "rope_scaling");
  for (const char* key : {"rope_theta", "partial_rotary_factor"})
    if (const auto given = c.get(key, Json()); !given.is_null() && !sliding)
      say(Json{{key, given}}, "the key of that name");
  return words;
}

const std::set<std::string>& known_words() {
  static const std::set<std::string> all{"rope_type",
                                         "rope_theta",
                                         "partial_rotary_factor",
                                         "factor",
                                         "low_freq_factor",
                                         "high_freq_factor",
                                         "original_max_position_embeddings",
                                         "beta_fast",
                                         "beta_slow",
                                         "attention_factor",
                                         "mscale",
                                         "mscale_all_dim",
                                         "truncate",
                                         "short_factor",
                                         "long_factor"};
  return all;
}

/// A factor by which frequencies are divided.
double divisor(const Json& s, double fallback, const std::string& where) {
  const double factor = number(s, "factor", fallback, where);
  if (!(factor > 0))
    fail("{}: the factor {} of the rotary embedding is not above 0", where, factor);
  return factor;
}

/// llama3 scaling (golden/README 1): long wavelengths are divided by the factor, short ones kept.
Tensor scale_llama3(const Tensor& f, const Json& s, const std::string& where) {
  const double factor = divisor(s, 8, where), low = number(s, "low_freq_factor", 1, where);
  const double high = number(s, "high_freq_factor", 4, where);
  const double length = number(s, "original_max_position_embeddings", 8192, where);
  const auto wave = 2 * M_PI / f;
  const auto smooth = (length / wave - low) / (high - low);
  const auto middle = (1 - smooth) * f / factor + smooth * f;
  auto out = at::where(wave > length / low, f / factor, f);
  const auto between = (wave <= length / low) & (wave >= length / high);
  return at::where(between, middle, out);
}

Tensor plain_frequencies(int64_t rotary, double theta) {
  const auto exponent = at::arange(0, rotary, 2, at::kFloat) / static_cast<double>(rotary);
  return 1.0 / at::pow(theta, exponent);
}

}  // namespace

bool Rope::by_kind(Source& source) {
  const auto five = source.get("rope_parameters", Json());
  return five.is_object() &&
         (five.contains("full_attention") || five.contains("sliding_attention"));
}

void Rope::rotate(int64_t head_dim, double theta, const RopeForm& form, const std::string& where) {
  head_dim_ = head_dim;
  theta_ = theta;
  neighbours_ = form.neighbours;
  rotary_ =
      form.dims > 0 ? form.dims : static_cast<int64_t>(static_cast<double>(head_dim) * form.share);
  if (rotary_ > head_dim || !(form.share > 0 && form.share <= 1) || rotary_ % 2 != 0 ||
      rotary_ == 0 || !(theta > 0))
    fail("{}: {} of {} dimensions of a head cannot be rotated with theta {}", where, form.share,
         head_dim, theta);
  frequencies_ = plain_frequencies(rotary_, theta);
}

Rope Rope::plain(int64_t head_dim, const RopeForm& form) {
  Rope r;
  r.rotate(head_dim, form.theta, form, "rotary embedding");
  return r;
}

Rope::Rope(Source& source, int64_t head_dim, const RopeForm& form) {
  const auto where = source.where() + "/config.json";
  const auto words = collected(source, form.kind);
  for (const auto& [key, value] : words.items())
    if (!known_words().count(key))
      fail("{}: the key {} of the rotary embedding is not supported", where, key);
  auto mine = form;
  mine.share = number(words, "partial_rotary_factor", form.share, where);
  rotate(head_dim, number(words, "rope_theta", form.theta, where), mine, where);
  scale(words, source);
}

void Rope::scale(const Json& words, Source& source) {
  const auto where = source.where() + "/config.json";
  const auto said = words.value("rope_type", Json());
  const auto type = said.is_string() ? said.get<std::string>() : std::string("default");
  if (type == "linear") {
    frequencies_ = frequencies_ / divisor(words, 1, where);
  } else if (type == "llama3") {
    frequencies_ = scale_llama3(frequencies_, words, where);
  } else if (type == "dynamic") {
    grow_ = divisor(words, 1, where);
    steady_ = source.size({"max_position_embeddings"});
  } else if (type == "yarn") {
    scale_yarn(words, source);
  } else if (type == "longrope") {
    scale_long(words, source);
  } else if (type != "default") {
    fail(
        "{}: the rope scaling '{}' is not supported; known: default, dynamic, linear, llama3, "
        "longrope, yarn",
        where, type);
  }
}

/// Peng et al. 2023, arXiv 2309.00071: high frequencies stay, low ones are divided by the factor.
void Rope::scale_yarn(const Json& words, Source& source) {
  const auto where = source.where() + "/config.json";
  const double most = source.get<double>("max_position_embeddings", 2048);
  const double length = number(words, "original_max_position_embeddings", most, where);
  const double s = divisor(words, most / length, where);
  const auto r = static_cast<double>(rotary_);
  const auto turn = [&](double rotations) {
    return r * std::log(length / (2 * M_PI * rotations)) / (2 * std::log(theta_));
  };
  double low = turn(number(words, "beta_fast", 32, where));
  double high = turn(number(words, "beta_slow", 1, where));
  if (words.value("truncate", true)) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0), high = std::min(high, r - 1);
  if (low == high) high += 0.001;
  const auto ramp = ((at::arange(rotary_ / 2, at::kFloat) - low) / (high - low)).clamp(0, 1);
  frequencies_ = frequencies_ / s * ramp + frequencies_ * (1 - ramp);
  const auto m = [&](double a) { return s <= 1 ? 1.0 : 0.1 * a * std::log(s) + 1; };
  const double mscale = number(words, "mscale", 0, where);
  const double all = number(words, "mscale_all_dim", 0, where);
  factor_ = mscale != 0 && all != 0 ? m(mscale) / m(all) : m(1);
  factor_ = number(words, "attention_factor", factor_, where);
  if (all != 0) mscale_ = m(all);
}

/// Ding et al. 2024, arXiv 2402.13753: each frequency has its factor, another one for sequences
/// that are longer than the model was trained on.
void Rope::scale_long(const Json& words, Source& source) {
  const auto where = source.where() + "/config.json";
  const double most = source.get<double>("max_position_embeddings", 2048);
  const double top = source.get<double>("original_max_position_embeddings", most);
  const double length = number(words, "original_max_position_embeddings", top, where);
  const double s = divisor(words, most / length, where);
  const auto stretched = [&](const char* key) {
    const auto list = words.value(key, Json());
    if (!list.is_array() || static_cast<int64_t>(list.size()) != rotary_ / 2)
      fail("{}: {} must be a list of {} numbers, one for each frequency", where, key, rotary_ / 2);
    std::vector<float> by;
    for (const auto& x : list) {
      if (!x.is_number() || !(x.get<double>() > 0))
        fail("{}: {} holds {}, which is no number above 0", where, key, x.dump());
      by.push_back(x.get<float>());
    }
    const auto exponent = at::arange(0, rotary_, 2, at::kFloat) / static_cast<double>(rotary_);
    return 1.0 / (at::tensor(by) * at::pow(theta_, exponent));
  };
  long_ = stretched("long_factor");
  frequencies_ = stretched("short_factor");
  steady_ = static_cast<int64_t>(length);
  factor_ = s <= 1 ? 1 : std::sqrt(1 + std::log(s) / std::log(length));
  factor_ = number(words, "attention_factor", factor_, where);
}

Tensor Rope::frequencies_for(int64_t length) const {
  if (grow_ == 0) return long_;
  const double m = static_cast<double>(steady_), n = static_cast<double>(length);
  const double r = static_cast<double>(rotary_);
  return plain_frequencies(rotary_, theta_ * std::pow(grow_ * n / m - (grow_ - 1), r / (r - 2)));
}

Rope::Tables Rope::tables(const Tensor& frequencies, int64_t length,
                          const at::Device& device) const {
  SingleThread alone;
  const auto angle = at::arange(length, at::kFloat).unsqueeze(1) * frequencies.unsqueeze(0);
  if (factor_ == 1) return {angle.cos().to(device), angle.sin().to(device)};
  return {(angle.cos() * factor_).to(device), (angle.sin() * factor_).to(device)};
}

namespace {

/// Tokens of the whole sequence that a segment ends.
int64_t length_of(const Batch& batch, const int64_t* positions, int64_t segment) {
  const auto end = batch.starts[static_cast<size_t>(segment) + 1];
  return end == batch.starts[static_cast<size_t>(segment)] ? 0 : positions[end - 1] + 1;
}

}  // namespace

void Rope::reach(const Batch& batch) const {
  const auto here = batch.positions.device();
  const int64_t needed = batch.positions.numel() ? batch.positions.max().item<int64_t>() + 1 : 1;
  if (!usual_.cos.defined() || usual_.cos.size(0) < needed || usual_.cos.device() != here) {
    int64_t length = 256;
    while (length < needed) length *= 2;
    usual_ = tables(frequencies_, length, here);
  }
}

/// The tables of a sequence of n tokens, n > steady_. One table serves every length of longrope.
const Rope::Tables& Rope::grown(int64_t n, const at::Device& device) const {
  constexpr size_t kLengths = 64;
  auto length = n;
  if (grow_ == 0)
    for (length = 256; length < n;) length *= 2;
  const auto old = grown_.find(length);
  if (old != grown_.end() && old->second.cos.device() == device) return old->second;
  if (grown_.size() >= kLengths) grown_.clear();
  return grown_[length] = tables(frequencies_for(n), length, device);
}

/// cos and sin of every token: [T, 1, rotary / 2].
std::pair<Tensor, Tensor> Rope::angles(const Batch& batch) const {
  const auto rows = [](const Tables& t, const Tensor& at) {
    return std::pair(t.cos.index_select(0, at).unsqueeze(1),
                     t.sin.index_select(0, at).unsqueeze(1));
  };
  if (steady_ == 0) return rows(usual_, batch.positions);
  const auto places = batch.positions.cpu().contiguous();
  std::vector<Tensor> cos, sin;
  for (int64_t s = 0; s < batch.segments(); ++s) {
    const auto n = length_of(batch, places.const_data_ptr<int64_t>(), s);
    const auto begin = batch.starts[static_cast<size_t>(s)];
    const auto mine =
        batch.positions.narrow(0, begin, batch.starts[static_cast<size_t>(s) + 1] - begin);
    auto [c, d] = rows(n > steady_ ? grown(n, mine.device()) : usual_, mine);
    cos.push_back(std::move(c)), sin.push_back(std::move(d));
  }
  return {at::cat(cos), at::cat(sin)};
}

Tensor Rope::operator()(const Tensor& x, const Batch& batch) const {
  const auto heads = x.reshape({x.size(0), -1, head_dim_});
  const auto half = rotary_ / 2;
  const auto tables = angles(batch);  // float32, rounded to the type of x as transformers does
  const auto c = as_type_of(tables.first, x), s = as_type_of(tables.second, x);
  const auto turned = heads.narrow(2, 0, rotary_);
  const auto pairs = neighbours_ ? turned.reshape({x.size(0), -1, half, 2}) : Tensor();
  const auto a = neighbours_ ? pairs.select(3, 0) : turned.narrow(2, 0, half);
  const auto b = neighbours_ ? pairs.select(3, 1) : turned.narrow(2, half, half);
  const auto first = a * c + (-b) * s, second = b * c + a * s;
  auto out = neighbours_ ? at::stack({first, second}, 3).flatten(2) : at::cat({first, second}, 2);
  if (rotary_ < head_dim_) out = at::cat({out, heads.narrow(2, rotary_, head_dim_ - rotary_)}, 2);
  return out.reshape(x.sizes());
}

}  // namespace bench

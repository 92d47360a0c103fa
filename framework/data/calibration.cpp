#include "data/calibration.h"

#include <set>

#include "base/digest.h"
#include "base/python_random.h"
#include "data/data.h"
#include "data/images.h"
#include "data/labelled_text.h"
#include "data/text_source.h"

namespace bench {
namespace {

struct Spec {
  std::string preset, file, format;
  int64_t samples, length;
  uint64_t seed;
};

Spec spec_of(const Config& c, int64_t model_length) {
  const auto length = c.get<int64_t>("seqlen");
  return {c.get<std::string>("preset"),   c.get<std::string>("file"),
          c.get<std::string>("format"),   c.get<int64_t>("nsamples"),
          length ? length : model_length, static_cast<uint64_t>(c.get<int64_t>("seed"))};
}

Sequence cut(const Sequence& ids, int64_t begin, int64_t length) {
  return {ids.begin() + begin, ids.begin() + begin + length};
}

/// Rejection loops end where no document can ever fit.
void need_one(bool any, const Spec& s, const char* rule) {
  if (!any)
    fail("data: no document of {} has {} {} tokens; use a smaller data.seqlen or other text",
         s.file, rule, s.length);
}

/// wanda/lib/data.py:47-60: a random document with MORE than seqlen tokens, a random window in it.
std::vector<Sequence> wanda_c4(const Spec& s, const Tokenizer& t) {
  const auto documents = read_documents(s.file, s.format);
  std::vector<Sequence> ids(documents.size());
  const auto tokens = [&](size_t i) -> const Sequence& {
    if (ids[i].empty()) ids[i] = t.encode(documents[i], true);
    return ids[i];
  };
  bool any = false;
  for (size_t i = 0; i < documents.size() && !any; ++i)
    any = static_cast<int64_t>(tokens(i).size()) > s.length;
  need_one(any, s, "more than");
  PythonRandom random(s.seed);
  std::vector<Sequence> out;
  while (static_cast<int64_t>(out.size()) < s.samples) {
    const auto i = random.randint(0, static_cast<int64_t>(documents.size()) - 1);
    const auto& doc = tokens(static_cast<size_t>(i));
    const auto n = static_cast<int64_t>(doc.size());
    if (n > s.length) out.push_back(cut(doc, random.randint(0, n - s.length - 1), s.length));
  }
  return out;
}

/// wanda/lib/data.py:19-36: rows joined by a blank, tokenised once, random windows.
std::vector<Sequence> wanda_wikitext(const Spec& s, const Tokenizer& t) {
  const auto ids = t.encode(join(read_documents(s.file, s.format), " "), true);
  const auto n = static_cast<int64_t>(ids.size());
  need_one(n > s.length, s, "more than");
  PythonRandom random(s.seed);
  std::vector<Sequence> out;
  for (int64_t i = 0; i < s.samples; ++i)
    out.push_back(cut(ids, random.randint(0, n - s.length - 1), s.length));
  return out;
}

/// LLM-Pruner datasets/example_samples.py: at least seqlen tokens, no document twice, start one
/// wider.
std::vector<Sequence> llm_pruner(const Spec& s, const Tokenizer& t) {
  const auto documents = read_documents(s.file, s.format);
  std::vector<Sequence> long_enough(documents.size());
  int64_t usable = 0;
  for (size_t i = 0; i < documents.size(); ++i) {
    long_enough[i] = t.encode(documents[i], true);
    usable += static_cast<int64_t>(long_enough[i].size()) >= s.length;
  }
  if (usable < s.samples)
    fail("data: {} has {} documents of at least {} tokens; {} were asked for, none twice", s.file,
         usable, s.length, s.samples);
  PythonRandom random(s.seed);
  std::set<int64_t> used;
  std::vector<Sequence> out;
  while (static_cast<int64_t>(out.size()) < s.samples) {
    const auto i = random.randint(0, static_cast<int64_t>(documents.size()) - 1);
    const auto& doc = long_enough[static_cast<size_t>(i)];
    const auto n = static_cast<int64_t>(doc.size());
    if (n < s.length || !used.insert(i).second) continue;
    out.push_back(cut(doc, random.randint(0, n - s.length), s.length));
  }
  return out;
}

/// The first documents, cut: for models too small for the published presets.
std::vector<Sequence> first_documents(const Spec& s, const Tokenizer& t) {
  std::vector<Sequence> out;
  for (const auto& document : read_documents(s.file, s.format)) {
    if (static_cast<int64_t>(out.size()) == s.samples) break;
    auto ids = t.encode(document, true);
    if (static_cast<int64_t>(ids.size()) > s.length) ids.resize(static_cast<size_t>(s.length));
    if (ids.size() > 1) out.push_back(std::move(ids));
  }
  if (static_cast<int64_t>(out.size()) < s.samples)
    fail("data: {} has only {} documents; {} were asked for", s.file, out.size(), s.samples);
  return out;
}

/// The first documents with their classes: for models with a head for classes.
Calibration labelled(const Config& config, const Spec& s, const Tokenizer* tokenizer,
                     int64_t batch_tokens) {
  if (!tokenizer) fail("data: the preset labelled is text; a model of images needs data=cifar10");
  const LabelledSource source{s.file,
                              config.get<std::string>("text"),
                              config.get<std::string>("second"),
                              config.get<std::string>("gold"),
                              config.get<std::vector<std::string>>("classes"),
                              s.samples};
  const auto all = source.read(*tokenizer, s.length);
  if (static_cast<int64_t>(all.size()) < s.samples)
    fail("data: {} has only {} documents; {} were asked for", s.file, all.size(), s.samples);
  Calibration c;
  c.hash = hash_of(all);
  c.batches = labelled_batches(all, batch_tokens);
  return c;
}

}  // namespace

Schema calibration_schema() {
  return Schema{
             key("preset", "wanda-c4", "whose sampling rule")
                 .one_of(
                     {"wanda-c4", "wanda-wikitext2", "llm-pruner", "first", "labelled", "images"}),
             key("file", "text/c4/sample_c4-rp1.jsonl",
                 "a text or image file: shipped in data/, or a path"),
             key("format", "auto", "how the file becomes documents")
                 .one_of({"auto", "wikitext", "stories", "jsonl", "plain"}),
             key("nsamples", 128, "sequences or images").at_least(1),
             key("seqlen", 0, "length of a sequence; 0: the model's own").at_least(0).in("tokens"),
             key("batch", 128, "images that go through the model together").at_least(1),
             key("seed", 0, "seed of the sampling").at_least(0),
             key("text", "sentence", "of labelled documents: the field with the text"),
             key("second", "", "the field with the second text of a pair; empty: there is none"),
             key("gold", "label", "the field with the class: its number, or its name"),
             key("classes", std::vector<std::string>{}, "names of the classes in their order")} +
         ImageSource::keys();
}

std::vector<Sequence> sample_sequences(const Config& config, const Tokenizer& tokenizer,
                                       int64_t model_length) {
  const auto s = spec_of(config, model_length);
  if (s.preset == "wanda-c4") return wanda_c4(s, tokenizer);
  if (s.preset == "wanda-wikitext2") return wanda_wikitext(s, tokenizer);
  if (s.preset == "llm-pruner") return llm_pruner(s, tokenizer);
  return first_documents(s, tokenizer);
}

Calibration make_calibration(const Config& config, const Tokenizer* tokenizer, int64_t model_length,
                             int64_t batch_tokens) {
  Calibration c;
  const auto s = spec_of(config, model_length);
  if (s.preset == "labelled") return labelled(config, s, tokenizer, batch_tokens);
  if (s.preset != "images") {
    if (!tokenizer)
      fail("data: the preset {} is text; a model of images needs data=cifar10", s.preset);
    const auto sequences = sample_sequences(config, *tokenizer, model_length);
    Sha256 digest;
    for (const auto& ids : sequences) digest.update(json_array_text(ids));
    c.hash = digest.hex();
    c.batches = text_batches(sequences, batch_tokens);
    return c;
  }
  if (tokenizer) fail("data: the preset images is for models of images; choose a text preset");
  const auto all = read_images(ImageSource::from(config), 0, s.samples);
  const auto size = config.get<int64_t>("batch");
  for (int64_t at = 0; at < s.samples; at += size) {
    const auto count = std::min(size, s.samples - at);
    Batch b;
    b.images = all.images.narrow(0, at, count);
    b.labels = all.labels.narrow(0, at, count);
    c.batches.push_back(std::move(b));
  }
  c.hash = sha256_hex(fmt::format("{}|{}|{}", data_digest(s.file), s.samples, size));
  return c;
}

void check_calibration(const Config& config) {
  ImageSource::from(config).check();
}

}  // namespace bench

// show request: what a task sends for one of its items, token by token.
#include <charconv>
#include <iostream>

#include "base/error.h"
#include "base/near.h"
#include "hydra/yaml/yaml.h"
#include "core/task.h"
#include "engine/words.h"
#include "data/data.h"
#include "tasks/definition.h"

namespace bench::engine {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

/// The one task of a file of configs/task, or a task of lm-eval's form.
Value task_named(const std::string& name) {
  const auto file = home() / "configs/task" / (name + ".yaml");
  if (fs::exists(file)) return load_yaml(read_file(file), file.string()).map().front().value;
  auto known = shipped_tasks();
  if (!fs::exists(name) && std::find(known.begin(), known.end(), name) == known.end()) {
    for (const auto& entry : fs::directory_iterator(home() / "configs/task"))
      known.push_back(entry.path().stem().string());
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    fail("show request: '{}' is no task of configs/task or data/tasks and no file{}", name,
         suggestion(name, nearest(name, known)));
  }
  return Value::Map{{"name", "lm_eval"}, {"task", name}};
}

/// The task as the flags want it.
std::unique_ptr<Task> asked_task(const Words& words) {
  const auto name = words.arguments().at(0);
  auto settings = task_named(name);
  if (words.has("--protocol")) settings.set("protocol", Value::List{words.get("--protocol")});
  if (words.has("--tokenizer")) settings.set("tokenizer", words.get("--tokenizer"));
  if (words.has("--documents")) settings.set("documents", words.get("--documents"));
  if (words.has("--fewshot-documents"))
    settings.set("fewshot_documents", words.get("--fewshot-documents"));
  if (words.has("--fewshot")) settings.set("fewshot", words.number("--fewshot", 0, 0));
  if (words.has("--window")) settings.set("window", words.number("--window", 0, 1));
  std::vector<std::string> mistakes;
  const auto path = "task." + name;
  const auto complete = Registry<Task>::instance().complete(settings, path, mistakes);
  if (!mistakes.empty()) fail("show request: {}", mistakes.front());
  return Registry<Task>::instance().make(complete, path);
}

/// What each of `count` tokens adds to the text of the few before it.
std::vector<std::string> token_texts(const Tokenizer& t, const Sequence& ids, size_t begin,
                                     size_t count) {
  const auto from = ids.begin() + static_cast<long>(begin < 8 ? 0 : begin - 8);
  const auto text_to = [&](size_t end) {
    return t.decode({from, ids.begin() + static_cast<long>(end)});
  };
  std::vector<std::string> texts;
  auto before = text_to(begin);
  for (size_t i = begin; i < begin + count; ++i) {
    const auto whole = text_to(i + 1);
    texts.push_back(whole.rfind(before, 0) == 0 ? whole.substr(before.size()) : t.decode({ids[i]}));
    before = whole;
  }
  return texts;
}

std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json tokens_json(const SentRequest& r, size_t begin, size_t count) {
  const auto texts = token_texts(*r.tokenizer, r.ids, begin, count);
  Json list = Json::array();
  for (size_t i = begin; i < begin + count; ++i)
    list.push_back({{"position", i}, {"id", r.ids[i]}, {"text", texts[i - begin]}});
  return list;
}

/// Everything about one request; `count`: how many ids at its beginning and at the seam.
Json describe(const SentRequest& r, size_t count) {
  Json out{{"item", r.item}, {"part", r.part}, {"protocol", r.protocol}};
  out["tokenizer"] = {{"variant", r.tokenizer->variant()}, {"hash", r.tokenizer->hash()}};
  if (!r.left_out.empty()) {
    out["left_out"] = r.left_out;
    out["context"] = r.context;
    out["continuation"] = r.continuation;
    return out;
  }
  const auto bos = r.tokenizer->bos();
  const auto seam = r.ids.size() - static_cast<size_t>(r.scored);
  out["right"] = r.right;
  out["tokens"] = r.ids.size();
  out["begins_with_bos"] = bos && !r.ids.empty() && r.ids.front() == *bos;
  out["scored"] = r.scored;
  out["continuation_starts_at"] = r.scored ? Json(seam) : Json();
  out["cut_in_front"] = r.cut;
  out["first"] = tokens_json(r, 0, std::min(count, r.ids.size()));
  if (r.scored)
    out["continuation_first"] = tokens_json(r, seam, std::min(count, r.ids.size() - seam));
  out["context"] = r.context;
  out["continuation"] = r.continuation;
  return out;
}

std::string token_lines(const Json& list) {
  std::string out;
  for (const auto& t : list)
    out += fmt::format("  {:>6}  {:>7}  {}\n", t["position"].get<size_t>(), t["id"].get<int64_t>(),
                       quoted(t["text"].get<std::string>()));
  return out;
}

std::string as_text(const Json& r, const SentRequest& sent) {
  auto out = fmt::format(
      "\nitem {}{}{} · {} · tokenizer {}\n", sent.item, sent.part.empty() ? "" : ", " + sent.part,
      sent.right ? " (the right one)" : "", sent.protocol, sent.tokenizer->variant());
  if (!sent.left_out.empty()) return out + "  left out: " + sent.left_out + "\n";
  const auto bos = sent.tokenizer->bos();
  out += fmt::format("  {} tokens; {}{}\n", sent.ids.size(),
                     !bos                               ? "the tokenizer has no BOS"
                     : r["begins_with_bos"].get<bool>() ? fmt::format("BOS ({}) in front", *bos)
                                                        : fmt::format("no BOS ({}) in front", *bos),
                     sent.cut ? fmt::format("; {} cut off in front", sent.cut) : "");
  out += token_lines(r["first"]);
  if (!sent.scored)
    return out + "  the answer is generated behind the last token\n" + "  context " +
           quoted(sent.context) + "\n";
  out += fmt::format("  {} scored, from position {}:\n", sent.scored,
                     r["continuation_starts_at"].get<size_t>());
  out += token_lines(r["continuation_first"]);
  if (!sent.context.empty()) out += "  context      " + quoted(sent.context) + "\n";
  if (!sent.continuation.empty()) out += "  continuation " + quoted(sent.continuation) + "\n";
  return out;
}

}  // namespace

int request(const Arguments& a) {
  const Words words(a);
  int64_t item = -1;
  const auto& number = words.arguments().at(1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), item);
  if (error != std::errc() || end != number.data() + number.size() || item < 0)
    fail("show request: '{}' is no number of an item; the first is 0", number);
  const auto task = asked_task(words);
  task->check();
  const auto loaded = language_model(words.get("--model", "stories260k"));
  TaskContext context{
      *loaded.model,
      [&](const std::string& variant) {
        return std::shared_ptr<const Tokenizer>(loaded.checkpoint.tokenizer(variant));
      },
      {},
      {}};
  const auto count = static_cast<size_t>(words.number("--count", 12, 1));
  int64_t items = 0, shown = 0;
  task->requests(context, item + 1, [&](const SentRequest& r) {
    items = std::max(items, r.item + 1);
    if (r.item != item) return;
    ++shown;
    const auto described = describe(r, count);
    if (words.has("--json"))
      print_json(described);
    else
      std::cout << as_text(described, r);
  });
  if (items == 0) fail("show request: the task {} sends no text", words.arguments()[0]);
  if (shown == 0)
    fail("show request: {} has {} items, the last is {}", words.arguments()[0], items, items - 1);
  return 0;
}

}  // namespace bench::engine

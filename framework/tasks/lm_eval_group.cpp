// A group of tasks as lm-eval's group files define it: every task by itself, then the numbers of
// the groups (lm_eval/api/group.py, aggregate): means over tasks, weighed by their documents or
// not.
#include <algorithm>
#include <map>

#include "base/digest.h"
#include "core/task.h"
#include "data/data.h"
#include "jinja/python_string.h"
#include "tasks/group_definition.h"
#include "tasks/statistics.h"

namespace bench {
namespace {

class LmEvalGroup : public Task {
 public:
  static Schema schema() {
    return {
        required("task", Key::Type::String, "a group file of lm-eval's form"),
        key("documents", "",
            "data files of the tasks; {task} and {dataset_name} stand for theirs; empty: those "
            "that they name"),
        key("fewshot_documents", "", "the same of examples"),
        key("chat_template", "", "as task.lm_eval.chat_template"),
        key("fewshot_as_multiturn", true, "in a chat, examples are turns of their own"),
        key("system_instruction", "", "what the system says first; before the description"),
        key("limit", 0, "how many documents of each task, from the first; 0: all").at_least(0),
        key("fewshot", -1, "examples before each document; -1: as group and task say").at_least(-1),
        key("protocol", std::vector<std::string>{"lm-eval@0.4.13"},
            "the way of measuring, or several"),
        key("tokenizer", "", "variant of the tokenizer; empty: the protocol's")};
  }
  explicit LmEvalGroup(const Config& c)
      : group_(read_group(data_file(c.get<std::string>("task")))),
        limit_(c.get<int64_t>("limit")),
        shots_(c.get<int64_t>("fewshot")) {
    for (const auto& m : group_.members) tasks_.push_back(task_of(c, m));
  }

  void check() const override {
    for (const auto& t : tasks_) t->check();
  }
  std::vector<std::string> files() const override {
    std::vector<std::string> all;
    for (const auto& f : group_.sources) all.push_back(f.string());
    for (const auto& t : tasks_)
      for (auto& f : t->files()) all.push_back(std::move(f));
    return all;
  }
  std::vector<Metric> run(const TaskContext& c) const override {
    std::vector<std::vector<Metric>> found;
    std::vector<Metric> all;
    for (const auto& t : tasks_) {
      found.push_back(t->run(c));
      all.insert(all.end(), found.back().begin(), found.back().end());
    }
    add_group(group_, found, all);
    return all;
  }
  void requests(const TaskContext& c, int64_t items, const SeeRequest& see) const override {
    for (const auto& t : tasks_) t->requests(c, items, see);
  }

 private:
  std::unique_ptr<Task> task_of(const Config& c, const GroupMember& m) const {
    const auto filled = [&](std::string pattern) {
      pattern = text::replace_all(pattern, "{task}", m.name);
      return text::replace_all(pattern, "{dataset_name}", m.data_name);
    };
    Value settings{Value::Map{}};
    settings.set("task", m.task);
    settings.set("documents", filled(c.get<std::string>("documents")));
    settings.set("fewshot_documents", filled(c.get<std::string>("fewshot_documents")));
    for (const char* k : {"chat_template", "system_instruction", "tokenizer"})
      settings.set(k, c.get<std::string>(k));
    settings.set("fewshot_as_multiturn", c.get<bool>("fewshot_as_multiturn"));
    settings.set("limit", limit_);
    settings.set("fewshot", shots_ >= 0 ? shots_ : m.fewshot);
    Value::List protocols;
    for (const auto& p : c.get<std::vector<std::string>>("protocol")) protocols.emplace_back(p);
    settings.set("protocol", Value(std::move(protocols)));
    return Registry<Task>::instance().create("lm_eval", settings);
  }

  std::string label_of(const GroupDefinition& g) const {
    auto label = g.name;
    if (shots_ >= 0) label += fmt::format("-{}shot", shots_);
    if (limit_) label += fmt::format("-first{}", limit_);
    return label;
  }

  /// Numbers of a group and of those inside it; positions: of its members among all.
  void add_group(const GroupDefinition& g, const std::vector<std::vector<Metric>>& found,
                 std::vector<Metric>& all, size_t begin = 0) const {
    size_t at = begin;
    for (const auto& inside : g.inside) {
      while (at < found.size() && group_.members[at].task != inside.members.front().task) ++at;
      add_group(inside, found, all, at);
    }
    for (const auto& wanted : g.metrics) {
      std::map<std::pair<std::string, std::string>, std::vector<const Metric*>> parts;
      for (size_t i = begin; i < begin + g.members.size(); ++i)
        for (const auto& m : found[i])
          if (takes(wanted, m.name)) parts[{m.protocol, m.name}].push_back(&m);
      if (parts.empty()) fail("group {}: its tasks have no metric '{}'", g.name, wanted.name);
      for (const auto& [_, some] : parts)
        if (some.size() == g.members.size()) all.push_back(joined(g, wanted, some));
    }
  }

  /// "acc", or "acc,filter" of a filter that counts.
  static bool takes(const GroupMetric& wanted, const std::string& name) {
    if (name == wanted.name) return true;
    if (!name.starts_with(wanted.name + ",")) return false;
    const auto filter = name.substr(wanted.name.size() + 1);
    return wanted.filters.empty() ||
           std::find(wanted.filters.begin(), wanted.filters.end(), filter) != wanted.filters.end();
  }

  Metric joined(const GroupDefinition& g, const GroupMetric& how,
                const std::vector<const Metric*>& some) const {
    Metric all = *some.front();
    all.task = label_of(g);
    all.items.clear();
    all.n = 0;
    double sum = 0, weights = 0, squares = 0;
    std::vector<GroupError> errors;
    std::string items;
    for (const auto* m : some) {
      const double weight = how.by_size ? static_cast<double>(m->n) : 1;
      sum += weight * m->value, weights += weight;
      squares += m->stderr_ * m->stderr_;
      errors.push_back({m->stderr_, m->n});
      all.n += m->n;
      items += m->items_hash + "|";
      all.items.insert(all.items.end(), m->items.begin(), m->items.end());
    }
    all.value = sum / weights;
    const auto k = static_cast<double>(some.size());
    all.stderr_ = how.by_size ? pooled_stderr(errors) : std::sqrt(squares) / k;
    if (!how.by_size) all.items.clear();  // the mean of items is another number
    all.items_hash = sha256_hex(items + (how.by_size ? "by size" : "alike"));
    return all;
  }

  GroupDefinition group_;
  int64_t limit_, shots_;
  std::vector<std::unique_ptr<Task>> tasks_;
};

BENCH_REGISTER(Task, LmEvalGroup, "lm_eval_group",
               .doc = "tasks of a group file of lm-eval's form, and the group's own numbers");

}  // namespace
}  // namespace bench

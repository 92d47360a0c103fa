// Two methods over matched trials.
#include <cmath>

#include "base/error.h"
#include "base/near.h"
#include "reports/escape.h"
#include "reports/paired.h"
#include "reports/render.h"
#include "reports/sheet.h"

namespace bench {

namespace {

using Fields = std::vector<std::string>;

std::string signed_number(double value) {
  return std::isnan(value) ? "–" : fmt::format("{:+.4f}", value);
}

std::string interval(const Interval& i) {
  return std::isnan(i.low) ? "–" : fmt::format("[{:+.4f}, {:+.4f}]", i.low, i.high);
}

std::string probability(double p) {
  return std::isnan(p) ? "–" : p < 0.0001 ? "< 0.0001" : fmt::format("{:.4f}", p);
}

Fields fields_of(const PairedLine& l) {
  return {l.task,
          l.metric + (l.nats ? " (nats)" : ""),
          l.condition.empty() ? "all" : l.condition,
          fmt::format("{} ({})", l.pairs, l.replicates),
          number(l.a),
          number(l.b),
          signed_number(l.over_seeds.mean),
          interval(l.over_seeds),
          probability(l.p),
          probability(l.holm),
          interval(l.over_items),
          fmt::format("{}/{}/{}", l.better, l.equal, l.worse),
          fmt::format("{} of {}", l.models_better, l.models)};
}

Sheet sheet_of(const Paired& of) {
  Sheet sheet{
      {{"task", "metric", "condition", "pairs (seeds)", of.a, of.b, "advantage", "95 % over seeds",
        "p", "Holm", "95 % over items", "better/equal/worse", "models better"}},
      std::vector<bool>(13, true)};
  for (int c = 0; c < 3; ++c) sheet.right[static_cast<size_t>(c)] = false;
  for (const auto& l : of.lines) sheet.rows.push_back(fields_of(l));
  return sheet;
}

/// Who wins, by how much, and how sure: of one metric over all its conditions.
std::string sentence(const Paired& of, const PairedLine& l) {
  const double mean = l.over_seeds.mean;
  const auto head = fmt::format("{} {}: ", l.task, l.metric);
  if (mean == 0) return head + fmt::format("{} and {} are equal on average", of.a, of.b);
  const auto &winner = mean > 0 ? of.a : of.b, &other = mean > 0 ? of.b : of.a;
  auto text = head + fmt::format("{} is better than {} by {:.4f}{}", winner, other, std::abs(mean),
                                 l.nats ? " nats" : "");
  const bool items = !std::isnan(l.over_items.low);
  const bool told = items && l.over_items.low * l.over_items.high > 0;
  const double p = std::isnan(l.holm) ? l.p : l.holm;
  if (std::isnan(p))
    text += "; of one seed of one model nothing can be tested over seeds";
  else
    text +=
        fmt::format("; over {} seeds {} (p {}{})", l.replicates,
                    p < 0.05 ? "sure" : "it may be chance", p < 0.0001 ? "" : "= ", probability(p));
  if (items) text += told ? ", over the items sure at 95 %" : ", over the items it may be chance";
  return text;
}

/// The line of a metric that stands for all its conditions: its total, or the only one.
bool is_whole(const Paired& of, const PairedLine& l) {
  if (l.condition.empty()) return true;
  int64_t same = 0;
  for (const auto& other : of.lines)
    same += other.task == l.task && other.protocol == l.protocol && other.metric == l.metric;
  return same == 1;
}

const char* const kReading =
    "Advantage: positive where the first is better; of perplexities in nats (logarithm of the "
    "ratio). A seed of a model, its pairs averaged, is one replicate: Student's interval and the "
    "exact sign-flip test are over replicates; Holm corrects over all conditions, or over all "
    "totals. Over items: windows or documents of the same trials, taken as independent.";

Sheet data_of(const std::vector<Paired>& list) {
  Sheet sheet{{{"a",          "b",          "task",       "protocol", "metric",  "nats",
                "condition",  "pairs",      "replicates", "value_a",  "value_b", "advantage",
                "seeds_low",  "seeds_high", "p",          "p_holm",   "items",   "items_low",
                "items_high", "better",     "equal",      "worse",    "models",  "models_better"}},
              std::vector<bool>(24, true)};
  for (const size_t text : {0, 1, 2, 3, 4, 6}) sheet.right[text] = false;
  for (const auto& pair : list)
    for (const auto& l : pair.lines)
      sheet.rows.push_back({pair.a,
                            pair.b,
                            l.task,
                            l.protocol,
                            l.metric,
                            l.nats ? "1" : "0",
                            l.condition,
                            std::to_string(l.pairs),
                            std::to_string(l.replicates),
                            exact(l.a),
                            exact(l.b),
                            exact(l.over_seeds.mean),
                            exact(l.over_seeds.low),
                            exact(l.over_seeds.high),
                            exact(l.p),
                            exact(l.holm),
                            std::to_string(l.items),
                            exact(l.over_items.low),
                            exact(l.over_items.high),
                            std::to_string(l.better),
                            std::to_string(l.equal),
                            std::to_string(l.worse),
                            std::to_string(l.models),
                            std::to_string(l.models_better)});
  return sheet;
}

}  // namespace

std::string render_paired(const std::vector<Paired>& list, const std::string& format) {
  if (format == "csv") return sheet_csv(data_of(list));
  if (format != "table" && format != "markdown")
    fail("there is no format '{}'{}", format, suggestion(format, {"table", "markdown", "csv"}));
  const bool markup = format == "markdown";
  std::string out;
  for (const auto& p : list) {
    const auto title = p.a + " against " + p.b;
    out += markup ? "### " + markdown(title) + "\n\n" : printable(title) + "\n\n";
    if (p.lines.empty())
      out += "no two trials match\n";
    else
      out += markup ? sheet_markdown(sheet_of(p)) : sheet_text(sheet_of(p));
    out += "\n";
    for (const auto& l : p.lines)
      if (is_whole(p, l))
        out += markup ? "- " + markdown(sentence(p, l)) + "\n" : printable(sentence(p, l)) + "\n";
    if (!p.lines.empty()) out += "\n";
    for (const auto& n : p.notes) out += markup ? "- " + markdown(n) + "\n" : printable(n) + "\n";
    if (!p.notes.empty()) out += "\n";
  }
  return out + kReading + "\n";
}

}  // namespace bench

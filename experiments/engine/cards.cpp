#include "engine/cards.h"

#include <filesystem>
#include <map>
#include <sstream>

#include "data/data.h"

namespace bench::engine {
namespace {

namespace fs = std::filesystem;

/// `to` becomes what stands behind `word` at the beginning of a line, if that is how it begins.
void take(const std::string& line, const std::string& word, std::string& to) {
  if (line.starts_with(word)) to = line.substr(word.size());
}

struct Found {
  std::string name;
  Card card;
};

Found read_card(const fs::path& file) {
  Found all;
  std::istringstream in(read_file(file.string()));
  for (std::string line; std::getline(in, line);) {
    auto& c = all.card;
    take(line, "# formula: ", c.formula);
    take(line, "# criterion: ", c.axis);
    take(line, "# recorded: ", c.recorded);
    take(line, "# sweep: ", c.sweep);
    if (!all.name.empty()) continue;
    take(line, "name: ", all.name);
    take(line, "  name: ", all.name);  // the first of a choice that sets several groups
  }
  return all;
}

using Cards = std::map<std::string, Card>;
Cards cards_of(const std::string& kind) {
  Cards all;
  const auto folder = home() / "configs" / kind;
  if (!fs::is_directory(folder)) return all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".yaml") continue;
    auto found = read_card(entry.path());
    if (!found.card.formula.empty()) all[found.name] = std::move(found.card);
  }
  return all;
}

}  // namespace

Card card_of(const std::string& kind, const std::string& name) {
  static std::map<std::string, Cards> kinds;
  const auto [all, fresh] = kinds.try_emplace(kind);
  if (fresh) all->second = cards_of(kind);
  const auto it = all->second.find(name);
  return it == all->second.end() ? Card() : it->second;
}

}  // namespace bench::engine

#pragma once
#include "hydra/defaults/defaults.h"

namespace bench {

/// Choices made for groups: by the command line first, then by `override` entries as the walk meets
/// them from the last to the first, so the last one in depth-first order wins.
class DefaultsOverrides {
 public:
  DefaultsOverrides(const Repository& repository, const std::vector<Override>& overrides);

  std::vector<DefaultsEntry> appended;
  std::vector<Override> value_overrides;
  std::map<std::string, std::optional<std::string>> known_choices;

  void add(const std::string& containing, const DefaultsEntry& entry);
  /// Applies a choice made for that entry, if there is one (and it is among `eligible`).
  void apply(DefaultsEntry& entry, const std::set<std::string>* eligible);
  std::set<std::string> keys() const;
  void set_known_choice(const DefaultsEntry& entry);
  /// Is it deleted? If so, the deletion counts as used.
  bool take_deletion(const DefaultsEntry& entry);
  void check_all_used() const;

 private:
  struct Choice {
    std::optional<std::string> name;
    std::optional<std::vector<std::string>> options;
    std::string text;
    std::string containing;  // "" for the command line
    std::string relative_key;
    std::string place;  // file and line
    bool used = false;
  };
  struct Deletion {
    std::optional<std::string> name;
    bool used = false;
  };
  void add_command_line(const Override& o, const Repository& repository);

  std::vector<std::string> order_;  // of choices_, as they came
  std::map<std::string, Choice> choices_;
  std::vector<std::pair<std::string, Deletion>> deletions_;
  std::map<std::string, std::set<std::string>> keys_of_group_;
};

}  // namespace bench

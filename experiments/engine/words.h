#pragma once
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/verbs.h"
#include "models/checkpoint.h"

namespace bench::engine {

/// The words of a verb as the front hands them over, which has checked their names: "--flag=value"
/// or "--flag", then "--", then the arguments.
class Words {
 public:
  explicit Words(const Arguments& words);

  const std::string& verb() const { return verb_; }
  const Arguments& arguments() const { return arguments_; }
  bool has(const std::string& flag) const { return flags_.count(flag) > 0; }
  std::string get(const std::string& flag, const std::string& fallback = "") const;
  Arguments all(const std::string& flag) const;
  /// A whole number of at least `least`.
  int64_t number(const std::string& flag, int64_t fallback, int64_t least) const;

 private:
  std::string verb_;
  Arguments arguments_;
  std::map<std::string, Arguments> flags_;
};

/// A language model by folder, file or name; a model of images is an Error.
struct LanguageModel {
  Checkpoint checkpoint;
  std::unique_ptr<Model> model;
};
LanguageModel language_model(const std::string& name, const std::string& dtype = "float32");

/// The lines of standard input, numbered from 1, empty ones left out.
struct Line {
  size_t number;
  std::string text;
};
std::vector<Line> input_lines(std::istream& in);
/// A JSON object of a line; what is none is an Error with the line's number. `fields`: how it
/// should look, for the message.
nlohmann::json object_of(const Line& line, const std::string& fields);
/// A field that must be a text; near names of other fields are part of the Error.
std::string text_of(const nlohmann::json& object, const std::string& field, const Line& line);
/// A line of JSON, ASCII only.
void print_json(const nlohmann::ordered_json& object);

}  // namespace bench::engine

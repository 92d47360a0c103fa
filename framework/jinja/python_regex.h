#pragma once
#include <memory>
#include <string>
#include <vector>

namespace bench::text {

/// A regular expression of Python's `re` over str, as lm-eval's filters use it. Runs on PCRE2,
/// which reads what such patterns hold; matching is bounded, so that no pattern hangs.
class PythonRegex {
 public:
  explicit PythonRegex(const std::string& pattern, bool ignore_case = false);
  ~PythonRegex();
  PythonRegex(PythonRegex&&) noexcept;
  PythonRegex& operator=(PythonRegex&&) noexcept;

  /// re.findall: per match the groups, or the whole match alone where the pattern has none.
  std::vector<std::vector<std::string>> find_all(const std::string& text) const;
  /// re.sub: \1, \g<1>, \n, \t and \\ in `by`.
  std::string sub(const std::string& text, const std::string& by) const;

 private:
  struct Code;
  struct Match {
    size_t begin, end;
    std::vector<std::string> groups;  // with group 0
  };
  std::vector<Match> matches(const std::string& text) const;
  std::string source_;
  std::unique_ptr<const Code> code_;
};

}  // namespace bench::text

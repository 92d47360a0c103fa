#include "data/wikitext.h"

#include "jinja/python_string.h"

namespace bench::text {
namespace {

bool begins_page(std::string_view line) {
  auto heading = replace_all(std::string(line), "= = =", "===");
  heading = strip(replace_all(std::move(heading), "= =", "=="));
  return heading.starts_with("= ") && heading.ends_with(" =");
}

/// open\s*([^close]*?)\s*close -> open, the inner text trimmed, close.
std::string trim_inside(const std::string& text, char open, char close) {
  std::string out;
  size_t at = 0;
  for (size_t begin; (begin = text.find(open, at)) != std::string::npos;) {
    const auto end = text.find(close, begin + 1);
    if (end == std::string::npos) break;
    out.append(text, at, begin + 1 - at);
    out += strip(std::string_view(text).substr(begin + 1, end - begin - 1));
    out += close;
    at = end + 1;
  }
  return out.append(text, at);
}

}  // namespace

std::vector<std::string> wikitext_pages(std::string_view file) {
  std::vector<std::string> pages;
  std::string page;
  bool first = true;
  for (const auto& line : split(file, "\n")) {
    if (begins_page(line)) {
      if (!strip(page).empty()) pages.push_back(std::move(page));
      page.clear();
      first = true;
    }
    if (!first) page += '\n';
    page += line;
    first = false;
  }
  pages.push_back(std::move(page));
  return pages;
}

std::string wikitext_detokenise(std::string t) {
  t = replace_all(std::move(t), "s '", "s'");
  for (char digit = '0'; digit <= '9';
       ++digit)  // upstream's slip: the pattern's own text comes out
    t = replace_all(std::move(t), std::string("/' ") + digit + "/", "/'[0-9]/");
  for (const char* mark : {"-", ",", "."})
    t = replace_all(std::move(t), " @" + std::string(mark) + "@ ", mark);
  for (const char* mark : {":", ";", ".", "!", "?", ","})
    t = replace_all(std::move(t), " " + std::string(mark) + " ", std::string(mark) + " ");
  for (const char* pair : {"()", "[]", "{}", "\"\"", "''"}) t = trim_inside(t, pair[0], pair[1]);
  static const std::pair<const char*, const char*> kLast[]{
      {"= = = =", "===="}, {"= = =", "==="}, {"= =", "=="},  {" \xC2\xB0 ", "\xC2\xB0"},
      {" \n", "\n"},       {"\n ", "\n"},    {" N ", " 1 "}, {" 's", "'s"}};
  for (const auto& [from, to] : kLast) t = replace_all(std::move(t), from, to);
  return t;
}

}  // namespace bench::text

// The build's: a C++ file with the digest of every plugin's source.
//
//   source_digests OUTPUT ROOT FOLDER...
//
// A plugin is its .cpp with what it includes of its own folder, and the .cpp behind such a header.
// Comments and blanks count as nothing: a formatted file measures what it measured before.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "base/digest.h"

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// Where a literal that begins at `at` ends.
size_t end_of_literal(const std::string& s, size_t at) {
  if (s[at] == '"' && at > 0 && s[at - 1] == 'R') {
    const auto open = s.find('(', at);
    const auto close = s.find(")" + s.substr(at + 1, open - at - 1) + "\"", open);
    return close == s.npos ? s.size() : close + (open - at) + 1;
  }
  size_t end = at + 1;
  while (end < s.size() && s[end] != s[at]) end += s[end] == '\\' ? 2 : 1;
  return std::min(end + 1, s.size());
}

/// The code without comments; a blank is left only where two words would run together.
std::string bare(const std::string& s) {
  std::string out;
  bool blank = false;
  const auto put = [&](const std::string& text) {
    if (blank && !out.empty() && is_word(out.back()) && is_word(text.front())) out += ' ';
    blank = false;
    out += text;
  };
  for (size_t i = 0; i < s.size();) {
    if (s.compare(i, 2, "//") == 0) {
      i = std::min(s.find('\n', i), s.size());
      blank = true;
    } else if (s.compare(i, 2, "/*") == 0) {
      const auto end = s.find("*/", i + 2);
      i = end == s.npos ? s.size() : end + 2;
      blank = true;
    } else if (s[i] == '"' || (s[i] == '\'' && !(i > 0 && is_word(s[i - 1])))) {  // 1'000 is none
      const auto end = end_of_literal(s, i);
      put(s.substr(i, end - i));
      i = end;
    } else if (std::isspace(static_cast<unsigned char>(s[i])) != 0) {
      blank = true;
      ++i;
    } else {
      put(s.substr(i++, 1));
    }
  }
  return out;
}

/// A file of the folder that an #include of another one there leads to.
fs::path included(const fs::path& from, const fs::path& folder, const std::string& name) {
  for (const auto& candidate : {from.parent_path() / name, folder.parent_path() / name})
    if (fs::exists(candidate)) {
      const auto inside = candidate.lexically_normal().lexically_relative(folder);
      if (!inside.empty() && *inside.begin() != "..") return candidate.lexically_normal();
    }
  return {};
}

void collect(const fs::path& file, const fs::path& folder, std::set<fs::path>& all) {
  if (!all.insert(file).second) return;
  std::istringstream lines(read(file));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("#include \"", 0) != 0) continue;
    const auto header = included(file, folder, line.substr(10, line.find('"', 10) - 10));
    if (header.empty()) continue;
    collect(header, folder, all);
    auto behind = header;
    behind.replace_extension(".cpp");
    if (fs::exists(behind)) collect(behind, folder, all);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: source_digests OUTPUT ROOT FOLDER...\n";
    return 2;
  }
  const fs::path root = argv[2];
  std::ostringstream out;
  out << "#include \"trial/source_digest.h\"\n\nnamespace bench {\n\n"
         "const std::vector<std::pair<std::string, std::string>>& source_digests() {\n"
         "  static const std::vector<std::pair<std::string, std::string>> all{\n";
  std::map<fs::path, std::string> text;
  for (int i = 3; i < argc; ++i) {
    const fs::path folder = root / argv[i];
    std::set<fs::path> sources;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".cpp") sources.insert(entry.path());
    for (const auto& source : sources) {
      std::set<fs::path> parts;
      collect(source, folder, parts);
      bench::Sha256 digest;
      for (const auto& part : parts) {
        auto& code = text[part];
        if (code.empty()) code = bare(read(part));
        digest.update(part.lexically_relative(root).string() + "\n" + code + "\n");
      }
      out << "      {\"" << source.lexically_relative(root).string() << "\", \""
          << digest.hex().substr(0, 16) << "\"},\n";
    }
  }
  out << "  };\n  return all;\n}\n\n}  // namespace bench\n";
  if (read(argv[1]) != out.str()) std::ofstream(argv[1]) << out.str();
  return 0;
}

#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace bench {

/// How a text file becomes documents. wikitext: rows of the Hugging Face data set (a blank line is
/// the empty string, others keep their blanks and line end); stories: pieces between <|endoftext|>,
/// stripped; jsonl: the field `text` of each line; plain: the whole file.
std::vector<std::string> read_documents(const std::string& file, const std::string& format);

/// By its name: "wikitext" for wiki.*.raw, "jsonl" for .jsonl, "stories" where <|endoftext|>
/// occurs.
std::string guess_format(const std::string& file);

std::string join(const std::vector<std::string>& parts, const std::string& between);

/// A whole file of text; an Error names it and the byte where it is not valid UTF-8.
std::string read_utf8(const std::filesystem::path& file);
void check_utf8(const std::filesystem::path& file, const std::string& text);

}  // namespace bench

#pragma once
#include <memory>
#include <string>
#include <vector>

#include "jinja/jinja.h"

namespace bench {

/// One turn of a conversation, and what stands behind it where the whole is one text.
struct Message {
  std::string role, content, delimiter = {};
};

/// The turns as one text.
std::string as_text(const std::vector<Message>& messages);
/// All turns as one of the user, but the system's before and an answer that is begun behind it
/// (lm_eval/api/utils.py, multiturn_to_singleturn).
std::vector<Message> in_one_turn(std::vector<Message> messages);
/// Both with the delimiter between them, unless one is empty or a blank stands at the seam.
std::string delimited(const std::string& first, const std::string& second,
                      const std::string& delimiter);
bool needs_delimiter(const std::string& first, const std::string& second);

/// A tokenizer's chat template, rendered as transformers does it (blocks trimmed, undefined names
/// empty). A template that asks for today's date gets none: numbers do not depend on the day.
class ChatTemplate {
 public:
  /// A .jinja file, a tokenizer_config.json with `chat_template`, or a folder with either. Tokens
  /// that a template names (bos_token ...) are those of the tokenizer_config.json beside it.
  explicit ChatTemplate(const std::string& path);

  /// The conversation as text. opened: with what begins an answer behind it; else the last turn is
  /// left open, for it to be continued. A template that refuses a system's turn goes without it.
  std::string render(const std::vector<Message>& messages, bool opened) const;
  /// What was read.
  const std::vector<std::string>& files() const { return files_; }

 private:
  std::string rendered(const std::vector<Message>& messages, bool opened) const;
  Value tokens_{Value::Map{}};
  std::vector<std::string> files_;
  std::shared_ptr<const text::Template> template_;
};

}  // namespace bench

#pragma once
#include "tasks/protocol.h"
#include "core/task.h"
#include "tasks/prompts.h"

namespace bench {

/// What a task of documents read, for the rules of validity. task: its name in tables, with the
/// window where it has one; items: hash of the encoded requests; `questions` outlive the result.
Evidence evidence_of(const TaskContext& context, const Prompts& prompts,
                     const std::vector<Question>& questions, const std::string& task,
                     const std::string& items, const Protocol& protocol,
                     std::shared_ptr<const Tokenizer> tokenizer);

}  // namespace bench

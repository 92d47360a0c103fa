#pragma once
#include "tasks/protocol.h"
#include "core/task.h"
#include "tasks/prompts.h"

namespace bench {

/// Shows what is sent for the questions of a task: a request per choice, per window of a rolled
/// document, or one prompt. A question that cannot be encoded is shown as left out, with the
/// reason. length: the longest input of the model.
void show_questions(const std::vector<Question>& questions, const TaskDefinition& task,
                    const std::shared_ptr<const Tokenizer>& tokenizer, const Protocol& protocol,
                    int64_t length, const SeeRequest& see);

}  // namespace bench

// The corpus of what reads files: tasks, tokenizers, tensors, pictures.
#include "picture_targets.h"
#include "reader_targets.h"
#include "replay.h"
#include "task_targets.h"
#include "tokenizer_targets.h"

int main(int argc, char** argv) {
  using namespace bench::fuzz;
  if (argc < 2) return 2;
  const std::filesystem::path corpus = argv[1];
  const double factor = argc > 2 ? std::atof(argv[2]) : 1;
  const int bad = replay(corpus / "template", template_text, factor) +
                  replay(corpus / "task", task_text, factor) +
                  replay(corpus / "tokenizer", tokenizer_bytes, factor) +
                  replay(corpus / "sentencepiece", sentencepiece_bytes, factor) +
                  replay(corpus / "safetensors", safetensors_bytes, factor) +
                  replay(corpus / "torch_file", torch_file_bytes, factor) +
                  replay(corpus / "gguf", gguf_bytes, factor) +
                  replay(corpus / "picture", picture_bytes, factor);
  return bad > 0 ? 1 : 0;
}

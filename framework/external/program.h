#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace bench {

/// A program that answers on its standard output what it is asked on its standard input, message by
/// message: a length (8 bytes, little-endian), then as many bytes. It runs until it is asked
/// nothing more. Whatever it does wrong (it ends, hangs, answers too much) is an Error that says
/// so, with the last line that it wrote on standard error.
class Program {
 public:
  Program(std::vector<std::string> command, double timeout_seconds);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// `most`: bytes that an answer may have.
  std::string ask(const std::string& message, size_t most);

 private:
  [[noreturn]] void give_up(const std::string& what);
  void wait_for(int end, short events);
  void send(const char* bytes, size_t count);
  void receive(char* bytes, size_t count);
  std::string name() const;

  std::vector<std::string> command_;
  double timeout_, deadline_ = 0;
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, said_ = -1;  // said_: what it writes on standard error
};

}  // namespace bench

#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace bench::slurm {

/// A program and its words, run without a shell.
struct Said {
  int code = -1;  // 127: there is no such program
  std::string out, errors;
};
Said call(const std::vector<std::string>& words);

/// An Error in one sentence where Slurm's commands are not on this machine.
void require_installed();
bool installed();

/// A job in the queue, or an element of one.
struct Queued {
  int64_t job = 0;
  int64_t element = -1;       // -1: no array
  std::string state, reason;  // RUNNING, PENDING, ...
  std::string time;           // it runs since, as Slurm writes it
};

/// Words of squeue that parse_queue() reads.
const std::vector<std::string>& queue_words();
/// A line that is none of them is an Error: a job that is there must not pass for one that is gone.
std::vector<Queued> parse_queue(const std::string& text);
/// This user's jobs. An Error where squeue fails.
std::vector<Queued> queue();

/// sbatch's answer to --parsable: "12" or "12;cluster".
int64_t parse_job(const std::string& text);
/// Calls sbatch --parsable; the job's id. What sbatch refuses is an Error with its words.
int64_t submit(std::vector<std::string> words);

}  // namespace bench::slurm

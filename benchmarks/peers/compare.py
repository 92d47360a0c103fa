"""bench against transformers and lm-eval: the same work, in turn, on as many threads.

    compare.py [--rounds 3] [--threads 2] [--smollm2 GGUF] [--only perplexity,choices,cell]

Run by compare.sh, which makes the environment. Prints one row per comparison: the median seconds of
each side, theirs ÷ ours, the smallest and largest ratio of the rounds, and what each side found.
"""
import argparse
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def peer(*words, threads):
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, HERE / "peer.py", *map(str, words)],
                          env={**os.environ, "OMP_NUM_THREADS": str(threads)},
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    found["process"] = time.perf_counter() - begin
    return found


def bench(*overrides):
    """One trial: seconds of its evaluation, of the whole command, and its metrics."""
    with tempfile.TemporaryDirectory() as folder:
        db = pathlib.Path(folder) / "peers.db"
        begin = time.perf_counter()
        done = subprocess.run([ROOT / "bench", "run", HERE / "cell.yaml", "--config-dir",
                               ROOT / "configs", "--db", db, "--no-report", "launcher.workers=1",
                               *overrides], capture_output=True, text=True)
        process = time.perf_counter() - begin
        if done.returncode:
            sys.exit(done.stderr)
        ledger = sqlite3.connect(db)
        (seconds,) = ledger.execute(
            "SELECT sum(seconds) FROM phase WHERE phase = 'evaluate'").fetchone()
        found = {f"{task} {name}": value for task, name, value in ledger.execute(
            "SELECT task, name, value FROM metric WHERE name IN ('ppl', 'acc')")}
        return {"seconds": seconds, "process": process, **found}


def perplexity(model, folder, threads):
    windows, length = (10, 2048) if model == "smollm2-135m" else (100, 512)
    ours = bench(f"model={model}", "sparsity=0", "task=[wikitext2_10]",
                 f"task.wikitext2_10.windows={windows}", "task.wikitext2_10.label=wikitext2",
                 f"+task.wikitext2_10.window={length}")
    return ours, peer("perplexity", folder, windows, length, threads=threads), "seconds"


def choices(model, folder, threads):
    ours = bench(f"model={model}", "sparsity=0", "task=[arc_easy_100,piqa_100,boolq_100]")
    return ours, peer("choices", folder, 100, threads=threads), "seconds"


def cell(model, folder, threads):
    large = model == "smollm2-135m"
    windows, length, samples = (10, 2048, 32) if large else (10, 512, 32)
    calibration = 512 if large else 128
    ours = bench(f"model={model}", "task=[wikitext2_10,arc_easy_100,piqa_100,boolq_100]",
                 f"+task.wikitext2_10.window={length}", f"data.nsamples={samples}",
                 f"data.seqlen={calibration}")
    theirs = peer("cell", folder, windows, length, samples, calibration, 100, threads=threads)
    return ours, theirs, "process"


def main():
    read = argparse.ArgumentParser(description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--rounds", type=int, default=3)
    read.add_argument("--threads", type=int, default=os.cpu_count())
    read.add_argument("--smollm2", help="SmolLM2's GGUF file; without it stories260k alone")
    read.add_argument("--only", default="perplexity,choices,cell")
    wanted = read.parse_args()
    models = {"stories260k": ROOT / "data/models/stories260k"}
    if wanted.smollm2:
        models["smollm2-135m"] = wanted.smollm2
    print("| model | work | ours s | theirs s | theirs ÷ ours | spread |")
    print("|---|---|--:|--:|--:|---|")
    for work in wanted.only.split(","):
        for model, folder in models.items():
            rounds = [globals()[work](model, folder, wanted.threads) for _ in range(wanted.rounds)]
            clock = rounds[0][2]
            ours = [r[0][clock] for r in rounds]
            theirs = [r[1][clock] for r in rounds]
            ratios = [b / a for a, b in zip(ours, theirs)]
            print(f"| {model} | {work} | {statistics.median(ours):.2f} | "
                  f"{statistics.median(theirs):.2f} | {statistics.median(ratios):.2f} | "
                  f"{min(ratios):.2f}–{max(ratios):.2f} |", flush=True)
            print(f"  ours {rounds[0][0]}\n  theirs {rounds[0][1]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

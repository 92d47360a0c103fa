"""The peers' side of a comparison: transformers and lm-eval do one piece of work, timed.

    peer.py perplexity MODEL WINDOWS LENGTH     windows of a text through transformers
    peer.py choices MODEL LIMIT                 arc_easy, piqa, boolq through lm-eval
    peer.py cell MODEL                          Wanda at 50 %, perplexity and choices, whole

Prints one JSON object: seconds of the work alone (the model is loaded before the clock starts, but
for `cell`, whose clock is the process) and what it found, so that both sides can be seen to have
done the same. MODEL is a Hugging Face folder or a GGUF file.
"""
import json
import math
import os
import pathlib
import random
import sys
import time

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
torch.set_grad_enabled(False)


def load(model):
    path = pathlib.Path(model)
    if path.suffix == ".gguf":
        where, extra = path.parent, {"gguf_file": path.name}
    else:
        where, extra = path, {}
    tokenizer = transformers.AutoTokenizer.from_pretrained(where, **extra)
    net = transformers.AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32, **extra)
    return net.eval(), tokenizer


def wikitext():
    text = (DATA / "text/wikitext2/wiki.test.raw").read_text(encoding="utf-8")
    rows = ["" if row == " \n" else row for row in text.splitlines(keepends=True)]
    return "\n\n".join(rows)


def window_ids(tokenizer, windows, length):
    ids = tokenizer(wikitext(), return_tensors="pt").input_ids[0]
    return ids[: windows * length].reshape(windows, length)


def perplexity(net, ids):
    total = 0.0
    for window in ids:
        logits = net(window[None], use_cache=False).logits[0, :-1].float()
        total += torch.nn.functional.cross_entropy(logits, window[1:]).item()
    return math.exp(total / len(ids))


def task(name):
    import yaml

    definition = yaml.safe_load((DATA / f"tasks/{name}.yaml").read_text())
    split = definition.get("test_split") or definition.get("validation_split")
    file = DATA / "tasks" / definition["dataset_path"]
    definition["fewshot_split"], definition["num_fewshot"] = split, 0
    definition["dataset_path"] = "json"
    definition["dataset_kwargs"] = {"data_files": {split: str(file)}}
    return definition


def choices(net, tokenizer, limit):
    import lm_eval
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=net, tokenizer=tokenizer, batch_size=8, device="cpu")
    found = lm_eval.simple_evaluate(
        lm, tasks=[task(n) for n in ("arc_easy", "piqa", "boolq")], limit=limit,
        bootstrap_iters=0, log_samples=False, verbosity="ERROR")
    return {name: result["acc,none"] for name, result in found["results"].items()}


def wanda(net, tokenizer, samples, length):
    """Wanda at 50 % of each row, block by block, inputs from pruned blocks (arXiv 2306.11695)."""
    lines = (DATA / "text/c4/sample_c4-rp1.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line)["text"] for line in lines]
    draw = random.Random(0)
    batch = []
    while len(batch) < samples:
        ids = tokenizer(draw.choice(documents), return_tensors="pt").input_ids[0]
        if len(ids) > length:
            start = draw.randint(0, len(ids) - length - 1)
            batch.append(ids[start : start + length])
    captured = []

    class Stop(Exception):
        pass

    def catch(module, arguments, keywords):
        captured.append((arguments[0] if arguments else keywords["hidden_states"],
                         {k: v for k, v in keywords.items() if k != "hidden_states"}))
        raise Stop

    blocks = net.model.layers
    handle = blocks[0].register_forward_pre_hook(catch, with_kwargs=True)
    for ids in batch:
        try:
            net(ids[None], use_cache=False)
        except Stop:
            pass
    handle.remove()
    for block in blocks:
        linears = [m for m in block.modules() if isinstance(m, torch.nn.Linear)]
        sums = {m: torch.zeros(m.in_features) for m in linears}

        def add(module, arguments):
            sums[module] += arguments[0].reshape(-1, module.in_features).square().sum(0)

        handles = [m.register_forward_pre_hook(add) for m in linears]
        for hidden, keywords in captured:
            block(hidden, **keywords)
        for handle in handles:
            handle.remove()
        for m in linears:
            score = m.weight.abs() * (sums[m] / samples).sqrt()
            order = score.sort(dim=1, stable=True).indices[:, : m.in_features // 2]
            m.weight.scatter_(1, order, 0.0)
        for i, (hidden, keywords) in enumerate(captured):
            out = block(hidden, **keywords)
            captured[i] = (out[0] if isinstance(out, tuple) else out, keywords)


def main():
    what, model, *numbers = sys.argv[1:]
    net, tokenizer = load(model)
    numbers = [int(n) for n in numbers]
    if what == "perplexity":
        ids = window_ids(tokenizer, *numbers)
        begin = time.perf_counter()
        found = {"ppl": perplexity(net, ids)}
    elif what == "choices":
        begin = time.perf_counter()
        found = choices(net, tokenizer, *numbers)
    else:
        begin = time.perf_counter()
        windows, length, samples, calibration, limit = numbers
        wanda(net, tokenizer, samples, calibration)
        found = {"ppl": perplexity(net, window_ids(tokenizer, windows, length)),
                 **choices(net, tokenizer, limit)}
    print(json.dumps({"seconds": time.perf_counter() - begin, **found}))


if __name__ == "__main__":
    main()

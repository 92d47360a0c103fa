"""Logits in half precision beside transformers in the same type, of a folder of small models.

usage: half.py BENCH FOLDER [TYPE]      (an environment with torch, transformers and safetensors)

The tolerance is transformers' own spread: the largest deviation of its eager from its SDPA attention
in that type, and of either from float64 (float32 where experts have no float64). Exit 1 where ours is farther from all three than twice that.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, logging

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()

bench, folder = sys.argv[1], pathlib.Path(sys.argv[2])
name = sys.argv[3] if len(sys.argv) > 3 else "bfloat16"
ids = [[(7 * i * i + 3 * i + 5) % 250 + 4 for i in range(24)]]


def theirs(path, dtype, attention):
    model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation=attention)
    with torch.no_grad():
        return model.eval()(torch.tensor(ids)).logits[0].double()


bad = 0
for path in sorted(p for p in folder.iterdir() if (p / "config.json").exists()):
    try:
        kind = (AutoConfig.from_pretrained(path).architectures or [""])[0]
        if not kind.endswith(("ForCausalLM", "LMHeadModel")):
            continue
        try:
            exact = theirs(path, torch.float64, "eager")
        except RuntimeError:  # grouped products of experts know no float64
            exact = theirs(path, torch.float32, "eager")
        eager = theirs(path, getattr(torch, name), "eager")
    except Exception as why:  # no causal model, or a family whose code is float32 inside
        print(f"{path.name}: left out: {str(why).splitlines()[0][:80]}")
        continue
    try:
        sdpa = theirs(path, getattr(torch, name), "sdpa")
    except Exception:
        sdpa = eager
    with tempfile.TemporaryDirectory() as place:
        (pathlib.Path(place) / "ids.json").write_text(json.dumps(ids))
        out = subprocess.run([bench, "logits", str(path), "--dtype", name, "--ids", place + "/ids.json",
                              "--out", place + "/o.safetensors"], capture_output=True, text=True)
        if out.returncode:
            print(f"{path.name}: ours: {out.stderr.strip()[:120]}")
            bad = 1
            continue
        ours = load_file(place + "/o.safetensors")["logits"][0].double()
    far = lambda a, b: (a - b).abs().max().item()
    spread = max(far(eager, sdpa), far(eager, exact), far(sdpa, exact))
    mine = min(far(ours, eager), far(ours, sdpa), far(ours, exact))
    fits = mine <= 2 * spread
    bad |= not fits
    print(f"{path.name}: eager-sdpa {far(eager, sdpa):.3e} eager-float64 {far(eager, exact):.3e} "
          f"ours-eager {far(ours, eager):.3e} ours-sdpa {far(ours, sdpa):.3e} "
          f"ours-float64 {far(ours, exact):.3e} {'ok' if fits else 'TOO FAR'}")
sys.exit(bad)

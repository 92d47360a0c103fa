"""Exports every trial and holds transformers' logits against ours."""
import json
import sqlite3
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import (AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel,
                          GPTNeoXConfig, GPTNeoXForCausalLM)

bench, config, work = sys.argv[1], sys.argv[2], Path(sys.argv[3])
database = work / "x.db"
TOLERANCE = 1e-4  # float32: orders of summation differ
TEXT = "Once upon a time, there was a little girl named Lily. She liked the sun, 3 birds and rain!"


def run(*words, may_fail=False):
    done = subprocess.run([bench, *map(str, words)], text=True, capture_output=True)
    if done.returncode and not may_fail:
        sys.exit(f"{words}: {done.stdout}{done.stderr}")
    return done


def random_models(folder):
    """A small model of each family that ships none, with the tokenizer of one that does."""
    torch.manual_seed(0)
    wide = dict(initializer_range=0.2)  # so that every layer tells in the logits
    models = {
        "gpt2": GPT2LMHeadModel(GPT2Config(vocab_size=2048, n_positions=256, n_embd=64, n_layer=3,
                                           n_head=4, bos_token_id=1, eos_token_id=2, **wide)),
        "gpt-neox": GPTNeoXForCausalLM(GPTNeoXConfig(
            vocab_size=2048, max_position_embeddings=256, hidden_size=64, num_hidden_layers=3,
            num_attention_heads=4, intermediate_size=256, bos_token_id=1, eos_token_id=2, **wide))}
    shipped = Path(bench).parent / "data/models/bloom-ts-1m"
    for name, model in models.items():
        model.save_pretrained(folder / name)
        for file in shipped.glob("*token*"):
            shutil.copy(file, folder / name)


random_models(work / "models")
os.environ["TINY_MODELS"] = str(work / "models")
run("run", config, "--config-dir", Path(bench).parent / "configs", "--db", database, "--no-report")
rows = sqlite3.connect(database).execute("select id, model, pattern from trial order by rowid")
torch.manual_seed(1)
ids = torch.randint(3, 90, (2, 60))
(work / "ids.json").write_text(json.dumps(ids.tolist()))
failed = 0
for trial, model, pattern in rows.fetchall():
    folder, layout = work / trial, "plain"
    done = run("export", "--db", database, trial, folder, may_fail=True)
    if done.returncode:
        if "--padded" not in done.stderr:
            sys.exit(done.stdout + done.stderr)
        layout = "padded"
        run("export", "--padded", "--db", database, trial, folder)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                  attn_implementation="eager").eval()
    run("logits", folder, "--ids", work / "ids.json", "--out", work / "ours.safetensors")
    ours = load_file(work / "ours.safetensors")["logits"]
    with torch.no_grad():
        worst = (theirs(ids).logits - ours).abs().max().item()
    lines = subprocess.run(
        [bench, "tokenize", str(folder)], input=json.dumps({"text": TEXT}) + "\n", text=True,
        capture_output=True)
    same = json.loads(lines.stdout)["ids"] == AutoTokenizer.from_pretrained(folder)(
        TEXT, add_special_tokens=False)["input_ids"]
    good = worst <= TOLERANCE and same
    failed += not good
    print(f"{model:12} {pattern:16} {layout:7} logits off by {worst:.1e}, token ids "
          f"{'equal' if same else 'DIFFER'}{'' if good else '  FAILED'}")
sys.exit(1 if failed else 0)

"""Wanda (arXiv 2306.11695) as a program of its own: |W| times the norm of the input column.

bench run configs/smoke.yaml criterion=external \
  'criterion.command=[python3, examples/external/wanda.py]' 'criterion.statistics=[input_norm]'
"""
import numpy as np

from bench_client import serve

serve(lambda layer, t: np.abs(t["weight"]) * t["input_norm"])

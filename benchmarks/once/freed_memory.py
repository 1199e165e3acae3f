"""Training throughput on this CPU with freed memory kept by malloc, and with it returned to the system.

    python benchmarks/once/freed_memory.py

Data: random images. 100 steps of the network of cnn.yaml at batch 128, with malloc's defaults and with
`keep_freed_memory`, in turn, each in a process of its own, since the setting cannot be undone.

Takes about 2 minutes on two cores.
"""

import argparse
import statistics
import subprocess
import sys

STEPS = """
import sys, time
import torch
import torch.nn.functional as F
from fmnist_pl.models import CNNClassifier
from fmnist_pl.training.hardware import keep_freed_memory
from fmnist_pl.training.number_format import BF16, choose_number_format

if sys.argv[1] == "keep":
    keep_freed_memory()
torch.manual_seed(0)
model = CNNClassifier(conv_bias=False)
optimizer = torch.optim.Adam(model.parameters(), fused=True)
images, labels = torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,))
bf16 = choose_number_format(None, "cpu").precision == BF16
for step in range(120):
    if step == 20:
        start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss = F.cross_entropy(model(images).float(), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(100 * 128 / (time.perf_counter() - start))
"""


def main() -> None:
    """Time both and print the ratio."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    pairs = [(_images_per_second("default"), _images_per_second("keep")) for _ in range(5)]
    default, kept = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"default {default:,.0f} images/s, kept {kept:,.0f} images/s")
    print(f"ratio {ratio:.3f} (median of {len(pairs)} pairs in turn)")


def _images_per_second(setting: str) -> float:
    done = subprocess.run([sys.executable, "-c", STEPS, setting], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()

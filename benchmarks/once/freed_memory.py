"""What keeping freed memory is worth on this CPU: ``python benchmarks/freed_memory.py``.

Steps of the cnn.yaml network on random images, with malloc as it is and with `keep_freed_memory`, in turn, each in a
process of its own (the setting cannot be taken back).
"""

import statistics
import subprocess
import sys

STEPS = """
import sys, time
import torch
import torch.nn.functional as F
from fmnist_pl.models import CNNClassifier
from fmnist_pl.training.hardware import choose_precision, keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
torch.manual_seed(0)
model = CNNClassifier(conv_bias=False)
optimizer = torch.optim.Adam(model.parameters(), fused=True)
images, labels = torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,))
bf16 = choose_precision("cpu") == "bf16-mixed"
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
    pairs = [(_images_per_second("as it is"), _images_per_second("keep")) for _ in range(5)]
    before, after = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"as it is {before:,.0f} images/s, kept {after:,.0f} images/s")
    print(f"ratio {ratio:.3f} (median of {len(pairs)} pairs in turn)")


def _images_per_second(how: str) -> float:
    done = subprocess.run([sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()

"""A side: an epoch of ``train.py fit``. Arguments: images, then those of fit."""

import sys
import tempfile

from fmnist_pl.training import train

count, arguments = sys.argv[1], sys.argv[2:]
limit = [] if count == "60000" else ["--data.train_limit", count]
alone = [
    "--data.val_fraction",
    "0",
    "--trainer.max_epochs",
    "1",
    "--test_after_fit",
    "false",
    "--trainer.enable_model_summary",
    "false",
]
for _ in sys.stdin:
    with tempfile.TemporaryDirectory() as folder:
        metrics = train(["fit", *arguments, *alone, *limit, "--trainer.default_root_dir", folder])
    print("seconds", int(count) / metrics["images_per_second"], flush=True)

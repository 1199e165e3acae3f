"""Training epoch by this project: ``train.py fit``. Arguments: number of images, then those of fit, as in each line."""

import shlex
import sys
import tempfile

from fmnist_pl.training import train

count, arguments = sys.argv[1], sys.argv[2:]
limit = [] if count == "60000" else ["--data.train_limit", count]
one_epoch = ["--data.val_fraction", "0", "--trainer.max_epochs", "1", "--test_after_fit", "false"]
for line in sys.stdin:
    with tempfile.TemporaryDirectory() as folder:
        where = ["--trainer.default_root_dir", folder, "--trainer.enable_model_summary", "false"]
        metrics = train(["fit", *arguments, *shlex.split(line), *one_epoch, *limit, *where])
    print("seconds", int(count) / metrics["images_per_second"], flush=True)

"""``python -m fmnist_pl.search_worker``: one worker of a search, a process that `fmnist_pl.tuning.pool` starts."""

import sys

from fmnist_pl.start_up import quick_imports

with quick_imports():
    from fmnist_pl.tuning.worker_process import main

if __name__ == "__main__":
    sys.exit(main())

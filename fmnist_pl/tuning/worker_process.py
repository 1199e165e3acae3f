"""``python -m fmnist_pl.tuning.worker_process``: one worker of a search, started by `fmnist_pl.tuning.pool`."""

import sys

from fmnist_pl.start_up import quick_imports

if __name__ == "__main__":
    with quick_imports():
        from fmnist_pl.console import hide_disk_errors_of_threads
        from fmnist_pl.tuning.pool import work_on_task
    hide_disk_errors_of_threads()
    sys.exit(work_on_task())

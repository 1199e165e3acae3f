"""Settings of hypothesis: the same examples in every run, and no files of its own in the checkout.

``PROPERTY_EXAMPLES=50`` multiplies the number of examples and draws new ones in every run.
"""

import atexit
import os
import shutil
import tempfile

from hypothesis import HealthCheck, configuration, settings

MORE = int(os.environ.get("PROPERTY_EXAMPLES", "1"))
_folder = tempfile.mkdtemp(prefix="hypothesis-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
configuration.set_hypothesis_home_dir(_folder)


def examples(number: int) -> settings:
    """Settings of a property that is tested with so many examples; `harness.run` bounds their time."""
    return settings(
        max_examples=number * MORE,
        derandomize=MORE == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )

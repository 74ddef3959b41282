"""What Keras's own tests import from the conftest.py of Keras's repository, which its wheel does not hold.

`skip_if_backend("openvino", ...)` marks what Keras's own OpenVINO backend cannot do. kvino is another implementation: its
tests are skipped where they name "kvino", that is nowhere.
"""

import pytest

NAME = "kvino"


def skip_if_backend(given_backend, reason):
    """A decorator that skips the test on the backend of this name."""
    return pytest.mark.skipif(given_backend == NAME, reason=reason)

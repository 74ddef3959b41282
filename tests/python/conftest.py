"""Tests see kvino's library and package of the build under test; hypothesis runs a bounded, repeatable number of cases."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "kvino", max_examples=int(os.environ.get("KVINO_TEST_EXAMPLES", "60")), deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("kvino")

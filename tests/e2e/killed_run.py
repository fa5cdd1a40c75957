# SPDX-License-Identifier: Apache-2.0
"""A test run that test_fixtures.py starts and then kills; never collected by itself."""

import os
import time
from pathlib import Path


def test_waits_to_be_killed(request, scratch):
    """Starts the fixtures it is told to, says so, and waits."""
    for name in os.environ["KILLED_RUN_FIXTURES"].split():
        request.getfixturevalue(name)
    ready = Path(os.environ["KILLED_RUN_READY"])
    ready.with_suffix(".new").write_text(str(scratch))
    ready.with_suffix(".new").rename(ready)
    time.sleep(600)

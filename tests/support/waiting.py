# SPDX-License-Identifier: Apache-2.0
"""Waiting for something to become true, always with a deadline and a name."""

import time


class TimedOut(AssertionError):
    """Something did not happen in time; the message says what, and the last that was seen."""


def wait_until(condition, what, timeout=30.0, interval=0.05, abort=None):
    """Calls `condition` until it returns something true, and returns that.

    An exception of `condition` counts as "not yet" and is shown if time runs out.
    `abort`, if given, is called between tries and may raise to end the wait early,
    for instance because the process that is waited for has died.
    """
    deadline = time.monotonic() + timeout
    seen = None
    while True:
        try:
            seen = condition()
            if seen:
                return seen
        except Exception as error:  # noqa: BLE001: whatever it is, it is the answer so far
            seen = error
        if abort is not None:
            abort()
        if time.monotonic() >= deadline:
            raise TimedOut(f"after {timeout:g} s still waiting: {what}; last seen: {seen!r}")
        time.sleep(interval)


def always(condition, what, seconds, interval=0.1):
    """Asserts that `condition` stays true for `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"no longer true: {what}"
        time.sleep(interval)

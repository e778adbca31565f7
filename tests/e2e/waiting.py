"""Waiting by asking again until a deadline, never by a fixed sleep."""

import time

STEP_SECONDS = 0.05


class TooLate(AssertionError):
    """Something did not happen before its deadline."""


def until(what, probe, seconds=20.0, step=STEP_SECONDS):
    """Calls `probe` until it returns something true, and returns that.

    `what` says for a person what is waited for. A probe may return a pair
    (False, text): the last text is shown when time runs out.
    """
    deadline = time.monotonic() + seconds
    last = None
    while True:
        got = probe()
        if isinstance(got, tuple) and len(got) == 2 and got[0] is False:
            last = got[1]
        elif got:
            return got
        if time.monotonic() > deadline:
            seen = "" if last is None else f"; last seen:\n{last}"
            raise TooLate(f"waited {seconds:.0f} s for {what}{seen}")
        time.sleep(step)

"""What is asked of everyone. Imported by every peer's interpreter: the standard library alone."""

import hashlib
from dataclasses import dataclass

FAST, SLOW = range(5, 51, 5), range(60, 251, 10)
GRID = [(fast, slow) for fast in FAST for slow in SLOW]
FEE, CAPITAL = 0.001, 1_000_000.0
STARTS, END = {False: "2001-01-02", True: "2020-01-02"}, "2024-12-31"
"""First session of the zipline algorithm, which needs a year of history, by whether the session is quick; and the last."""
SHORT, LONG = 70e-6, 50e-3  # seconds of a trial that is handed out
TRIALS = {"w4_short": 200, "w4_long": 60}
PROCESSES = 2
AUTO = "w4_short_auto"  # our way to hand out short trials that must have the process to itself


@dataclass(frozen=True)
class Workload:
    """One thing to do.

    Parameters
    ----------
    what : str
        For people.
    unit : str
        What times are counted by.
    ours : tuple of str
        Our ways to do it, each measured beside the peer's one.
    """

    what: str
    unit: str
    ours: tuple[str, ...]


WORKLOADS = {
    "w1_sleeve": Workload(
        "200 pairs x 8 assets, an eighth of the capital each, all in or out", "trial", ("w1_sleeve",)
    ),
    "w1_target": Workload("200 pairs x 8 assets, one cash pool, whole shares", "trial", ("w1_target",)),
    "w2_sleeve": Workload("200 pairs, one asset, all in or out", "trial", ("w2_sleeve",)),
    "w3_crossover": Workload(
        "zipline algorithm, history of 200 x 8", "session", ("w3_crossover", "w3_trial", "w3_arrays")
    ),
    "w4_short": Workload("200 trials of 0.07 ms on two processes", "trial", ("w4_short", AUTO)),
    "w4_long": Workload("60 trials of 50 ms on two processes", "trial", ("w4_long",)),
}
OURS = {
    "w1_sleeve": "a study of each asset",
    "w1_target": "one study",
    "w2_sleeve": "one study",
    "w3_crossover": "a backtest with its performance frame",
    "w3_trial": "a trial of `optimize`",
    "w3_arrays": "a trial of `optimize`, history as arrays",
    "w4_short": "a pool of two Ray workers, ready",
    AUTO: '`executor="auto"`, which stays in the process',
    "w4_long": "a pool of two Ray workers, ready",
}


def burn(k: int, rounds: int) -> float:
    """A trial that is the same work in every process, whatever its caches: hashing, and a number between 0 and 1 of it."""
    digest = hashlib.pbkdf2_hmac("sha256", b"%d" % k, b"", rounds)
    return int.from_bytes(digest[:8], "big") / 2.0**64

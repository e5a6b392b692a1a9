"""The peers: what each needs installed, which script asks it, and which workloads it can do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Parameters
    ----------
    requirements : tuple of str
        What pip is asked for, versions included.
    pythons : tuple of str
        Versions of Python it is made with, any of them.
    """

    requirements: tuple[str, ...]
    pythons: tuple[str, ...] = ("3.11", "3.12", "3.13")


@dataclass(frozen=True)
class Peer:
    """One line of the comparison.

    Parameters
    ----------
    what : str
        Name and version for people.
    environment : str
        A key of `ENVIRONMENTS`.
    script : str
        File beside this one, run by that environment's interpreter.
    workloads : tuple of str
        Keys of `tasks.WORKLOADS` in the order they are run.
    options : tuple of str
        Further arguments of the script.
    takes_averages : bool, default False
        Whether its script can be given our averages, with NAME_given for a workload's NAME.
    within : float, default 1e-6
        How far a return may be from ours, by 1 + the return, for a reason that `rules` gives.
    rules : str
        How its rules differ from ours, for the record.
    """

    what: str
    environment: str
    script: str
    workloads: tuple[str, ...]
    options: tuple[str, ...] = ()
    takes_averages: bool = False
    within: float = 1e-6
    rules: str = ""


ENVIRONMENTS = {
    "vectorbt": Environment(("vectorbt==1.2.0", "vectorbt-rust==1.2.0")),
    "raptorbt": Environment(("raptorbt==0.13.4", "numpy")),
    "backtesting": Environment(("backtesting==0.6.6",)),
    "zipline": Environment(("zipline-reloaded==3.2.1",)),
    "rustybt": Environment(("rustybt==0.3.3",), ("3.12", "3.13")),
    "optuna": Environment(("optuna==5.0.0", "joblib==1.6.0")),
    "tune": Environment(("ray[tune]==2.60.0",)),
    "pool": Environment(()),
}
SWEEPS, HANDED_OUT = ("w1_sleeve", "w1_target", "w2_sleeve"), ("w4_short", "w4_long")
TIES = "its averages are sums in another order than ours, so that rounding tells apart those that tie"
PEERS = {
    "vectorbt": Peer("vectorbt 1.2.0, numba", "vectorbt", "peer_vectorbt.py", SWEEPS, ("numba",), True, rules=TIES),
    "vectorbt-rust": Peer(
        "vectorbt 1.2.0, Rust engine", "vectorbt", "peer_vectorbt.py", SWEEPS, ("rust",), True, rules=TIES
    ),
    "raptorbt": Peer(
        "raptorbt 0.13.4", "raptorbt", "peer_raptorbt.py", ("w1_sleeve", "w2_sleeve"), (), True, rules=TIES
    ),
    "backtesting": Peer(
        "backtesting.py 0.6.6",
        "backtesting",
        "peer_backtesting.py",
        ("w2_sleeve",),
        (),
        True,
        0.0011,
        f"{TIES}; an order of the last bar is never filled, so that the fee of 0.001 is missing where a signal changes there",
    ),
    "zipline": Peer("zipline-reloaded 3.2.1", "zipline", "peer_zipline.py", ("w3_crossover",), ("zipline",)),
    "rustybt": Peer("rustybt 0.3.3", "rustybt", "peer_zipline.py", ("w3_crossover",), ("rustybt",)),
    "optuna": Peer(
        "Optuna 5.0.0 and joblib 1.6.0",
        "optuna",
        "peer_optuna.py",
        HANDED_OUT,
        rules="two processes that share a grid may both take a point, and leave another",
    ),
    "tune": Peer("Ray Tune 2.60.0", "tune", "peer_tune.py", HANDED_OUT),
    "pool": Peer("multiprocessing.Pool", "pool", "peer_pool.py", HANDED_OUT),
}

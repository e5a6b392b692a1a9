"""Optuna and joblib.

    python peer_optuna.py FOLDER

Two joblib processes that share a study in a journal file, each with half of the trials, a grid for a sampler: the documented way
to more than one process without a database server. The processes are there before the clock starts; each call is a study.
"""

import math
import sys
import tempfile
from functools import partial
from pathlib import Path

import optuna
from joblib import Parallel, delayed
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from serving import Call, serve, work_of
from tasks import PROCESSES, burn


def journal(path: str) -> JournalStorage:
    return JournalStorage(JournalFileBackend(path))


def work(path: str, count: int, trials: int, rounds: int) -> None:
    """A process's half."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.GridSampler({"k": list(range(count))})
    study = optuna.load_study(study_name="peer", storage=journal(path), sampler=sampler)
    study.optimize(lambda trial: burn(trial.suggest_int("k", 0, count - 1), rounds), n_trials=trials)


def sweep(points: list[dict[str, int]]) -> list[float]:
    """Values by k; NaN where no process came to it, as two that share a grid may take the same point."""
    count, rounds = len(points), points[0]["rounds"]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/study.log"
        study = optuna.create_study(study_name="peer", storage=journal(path), direction="maximize")
        Parallel(n_jobs=PROCESSES)(delayed(work)(path, count, count // PROCESSES, rounds) for _ in range(PROCESSES))
        values = [math.nan] * count
        for trial in study.get_trials():
            values[trial.params["k"]] = math.nan if trial.value is None else trial.value
    return values


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    calls: dict[str, Call] = {}
    for name, points in work_of(Path(sys.argv[1])).items():
        calls[name] = partial(sweep, points)
    serve(calls)


if __name__ == "__main__":
    main()

"""Ray Tune.

    python peer_tune.py FOLDER

A grid over a `Trainable` with `reuse_actors`, two at a time, without files it can do without. Ray is there before the clock
starts; a `Tuner` starts its actors by itself.
"""

import logging
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

os.environ |= {"RAY_DEDUP_LOGS": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0"}

import ray
from ray import tune

from serving import Call, serve, work_of
from tasks import PROCESSES, burn


class Trial(tune.Trainable):
    """One step, no checkpoint."""

    def step(self) -> dict[str, Any]:
        """The whole trial."""
        return {"value": burn(self.config["k"], self.config["rounds"]), "done": True}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """An actor takes the next trial."""
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to save."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing to load."""


def sweep(points: list[dict[str, int]]) -> list[float]:
    """Values in the order of the points."""
    with tempfile.TemporaryDirectory() as folder:
        space = {"rounds": points[0]["rounds"], "k": tune.grid_search([point["k"] for point in points])}
        asked = tune.TuneConfig(metric="value", mode="max", reuse_actors=True, max_concurrent_trials=PROCESSES)
        kept = tune.CheckpointConfig(checkpoint_at_end=False)
        config = tune.RunConfig(verbose=0, storage_path=folder, checkpoint_config=kept)
        found = tune.Tuner(Trial, param_space=space, tune_config=asked, run_config=config).fit()
        values = {result.config["k"]: result.metrics["value"] for result in found}
    return [values[point["k"]] for point in points]


def main() -> None:
    here = str(Path(__file__).resolve().parent)
    ray.init(
        num_cpus=PROCESSES, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
        object_store_memory=200 << 20, runtime_env={"env_vars": {"PYTHONPATH": here}},
    )  # fmt: skip
    calls: dict[str, Call] = {}
    for name, points in work_of(Path(sys.argv[1])).items():
        calls[name] = partial(sweep, points)
    serve(calls)
    ray.shutdown()


if __name__ == "__main__":
    main()

"""Workers beside bare actors, so that pages of libraries are shared alike."""

import os
from dataclasses import dataclass
from typing import Any

import rustybt_ray as rb
from measuring.memory import mean, resident
from rustybt_ray.data.panel import Panel
from workloads.strategies import hold, nothing


@dataclass(frozen=True)
class Stages:
    """Mean MB of a worker's own when it is ready and after trials, and of bare actors; each as `resident` names them."""

    ready: dict[str, float]
    trials: dict[str, float]
    bare: dict[str, float]


def stages(panel: Panel, workers: int) -> Stages:
    """Memory of workers on a panel, whose trials keep no indicator."""
    with rb.PersistentWorkerPool(n_jobs=workers) as pool:
        pool.open(panel)
        actors, found = bare_actors(workers), list[dict[str, float]]()
        for strategy in (nothing, hold):
            points = [{"k": k} for k in range(8 * workers)]
            rb.optimize(strategy, bundle=panel, points=points, pool=pool, executor="ray", progress=False)
            figures = pool.statistics()["workers"]
            assert len(figures) == workers, "a worker did not answer"
            assert not any(worker["history"]["bytes"] for worker in figures), "an indicator is kept"
            found.append(means([worker["pid"] for worker in figures]))
        return Stages(ready=found[0], trials=found[1], bare=measured(actors))


def bare_actors(count: int) -> list[Any]:
    """Actors that import what a worker imports, and do nothing, in the Ray that runs."""
    import ray

    class Bare:  # in here it travels by value: workers need not find this module
        def pid(self) -> int:
            import pyarrow as pa  # noqa: F401 - Ray imports it where the first message is read

            import rustybt_ray.execution.chunk
            import rustybt_ray.workspace.workspace  # noqa: F401

            return os.getpid()

    actors = [ray.remote(Bare).options(num_cpus=0).remote() for _ in range(count)]
    ray.get([actor.pid.remote() for actor in actors])
    return actors


def measured(actors: list[Any]) -> dict[str, float]:
    """Memory of bare actors, which end."""
    import ray

    found = means(ray.get([actor.pid.remote() for actor in actors]))
    for actor in actors:
        ray.kill(actor)
    return found


def means(pids: list[int]) -> dict[str, float]:
    """Mean of the processes."""
    found = [resident(pid) for pid in pids]
    return {name: mean(found, name) for name in found[0]}

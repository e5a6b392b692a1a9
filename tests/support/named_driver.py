"""A driver of a named pool in a process of its own: ``import named_driver; named_driver.main()``."""

import json
import sys

import rustybt_ray as rb
from rustybt_ray.data.sample import sample_panel

SPACE = {"fast": rb.Int(2, 31), "slow": rb.Int(40, 54)}


def view(values):
    """What a worker caches of this is the object store's own memory."""
    return values[:]


def strategy(data, fast: int, slow: int):
    averages = data.sma("close", fast) > data.sma("close", slow)
    return rb.equal_weight(averages & (data.cached(view, "close") > 0.0))


def sweep(**place):
    return rb.optimize(strategy, bundle=sample_panel(), space=SPACE, progress=False, **place)


def work(pool, workers):
    """Sweeps until so many workers have run trials; the pool's figures."""
    while True:
        sweep(pool=pool)
        found = pool.statistics()
        if sum(worker["trials"] > 0 for worker in found["workers"]) == workers:
            return found


def main():
    """Sweeps on the pool over and over again; prints the pool's figures when all have worked, or the error."""
    address, name, workers = sys.argv[1:]
    try:
        pool = rb.PersistentWorkerPool(int(workers), address=None if address == "own" else address, name=name)
        if address == "own":
            import ray

            ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        print(json.dumps(work(pool, int(workers))), flush=True)
        while True:
            sweep(pool=pool)
    except rb.ExecutionError as error:
        print(error, flush=True)

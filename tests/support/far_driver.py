"""A driver of its own on the Ray at the address given first: a sweep in the run directory given second."""

import sys
import time

import rustybt_ray as rb
from rustybt_ray.data.sample import sample_panel

SPACE = {"fast": rb.Int(2, 31), "slow": rb.Int(40, 54)}


def crossover(data, fast: int, slow: int):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def slow_crossover(data, fast: int, slow: int):
    time.sleep(0.03)
    return crossover(data, fast, slow)


def sweep(strategy, **options):
    return rb.optimize(strategy, bundle=sample_panel(), space=SPACE, progress=False, **options)


if __name__ == "__main__":
    study = sweep(slow_crossover, address=sys.argv[1], run_dir=sys.argv[2])
    print(study.stopped, study.n_trials)

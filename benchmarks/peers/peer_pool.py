"""A pool of multiprocessing.

    python peer_pool.py FOLDER

`Pool(2).map` in chunks of its own choice, the processes forked before.
"""

import multiprocessing
import sys
from functools import partial
from pathlib import Path

from serving import Call, serve, work_of
from tasks import PROCESSES, burn


def main() -> None:
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        calls: dict[str, Call] = {}
        for name, points in work_of(Path(sys.argv[1])).items():
            calls[name] = partial(pool.starmap, burn, [(point["k"], point["rounds"]) for point in points])
        serve(calls)


if __name__ == "__main__":
    main()

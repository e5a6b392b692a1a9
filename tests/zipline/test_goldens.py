"""What zipline did, and what we do: every golden, whole."""

import pytest
from zipline_goldens import differences, local_names, read_golden, shared_names

from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.dump import describe
from rustybt_ray.zipline.runner import AlgorithmRunner


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*local_names(), *shared_names()])
def test_an_algorithm_does_what_it_does_in_zipline(name, sources, view):
    golden = read_golden(name)
    algorithm, bundle = name.split(".")
    meta, panel = golden["meta"], view(bundle)
    segment = panel.rows_between(meta["start"], meta["end"])
    runner = AlgorithmRunner(panel, (segment,), capital=meta["capital"])
    try:
        ours = describe(runner.record(Algorithm.from_file(sources / "algos" / f"{algorithm}.py"), {}), meta)
    except Exception as error:
        if golden["error"] is None:
            raise
        ours = describe(error, meta)
    assert differences(ours, golden) == []

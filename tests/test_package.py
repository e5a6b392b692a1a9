"""What importing the package costs, and where its two packages lie."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import actors
import rustybt_ray

HEAVY = {"ray", "numba", "polars", "pandas", "pyarrow", "scipy", "plotly", "optuna", "llvmlite"}


def modules_of(code):
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def loaded_by(code):
    return {name.partition(".")[0] for name in modules_of(code)}


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_by("import rustybt_ray") & (HEAVY | {"numpy"})


def test_the_names_of_a_specification_load_neither_ray_nor_numba():
    code = (
        "import rustybt_ray as rb; rb.Int(1, 2); rb.Costs(rb.PerDollar(0.001)); rb.Settings(); rb.OptimizationConfig(); "
        "rb.Rolling(train=2, test=1)"
    )
    assert not loaded_by(code) & {"ray", "numba", "polars", "pandas"}


def test_optimize_loads_neither_tables_nor_what_most_studies_do_without():
    needless = {"ray", "numba", "polars", "pyarrow", "rich", "cloudpickle", "email", "difflib", "decimal"}
    needless |= {
        f"rustybt_ray.{name}" for name in ("_expressions", "data.grid", "data.digest", "search.grid", "api.plan")
    }
    loaded = modules_of("import rustybt_ray as rb; rb.optimize, rb.backtest")
    assert "rustybt_ray.api.optimize" in loaded
    assert not loaded & needless


def test_every_public_name_is_there():
    for name in rustybt_ray.__all__:
        assert getattr(rustybt_ray, name) is not None
    assert set(rustybt_ray.__all__) <= set(dir(rustybt_ray))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'optimise'"):
        rustybt_ray.optimise  # noqa: B018


def test_the_actors_package_is_ours():
    assert Path(actors.__file__).parent.parent == Path(rustybt_ray.__file__).parent.parent

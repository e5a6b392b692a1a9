"""An edited callee must not run as stale machine code."""

import os
import subprocess
import sys

CALLEE = """
from rustybt_ray.engine._jit import kernel
@kernel
def inner(x):
    return x + {constant}
"""
CALLER = """
from rustybt_ray.engine._jit import entry
from inner_nb import inner
@entry
def outer(x):
    return inner(x)
"""
PROGRAM = """
import sys
from pathlib import Path
import rustybt_ray.engine._jit as jit
sys.path.insert(0, sys.argv[1])
jit.CACHE = jit.cache_folder(Path(sys.argv[1]))
from outer_nb import outer
print(outer(1.0))
"""


def run(folder, cache):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_an_edited_callee_is_compiled_anew_and_an_untouched_one_is_not(tmp_path):
    sources, cache = tmp_path / "sources", tmp_path / "cache"
    sources.mkdir()
    (sources / "outer_nb.py").write_text(CALLER)
    (sources / "inner_nb.py").write_text(CALLEE.format(constant=1.0))
    assert run(sources, cache) == 2.0
    folders = set((cache / "rustybt_ray").iterdir())
    assert run(sources, cache) == 2.0
    assert set((cache / "rustybt_ray").iterdir()) == folders
    (sources / "inner_nb.py").write_text(CALLEE.format(constant=5.0))
    assert run(sources, cache) == 6.0
    assert len(list((cache / "rustybt_ray").iterdir())) == len(folders) + 1

"""Start-up: what a user waits for before anything is computed."""

import subprocess
import sys
from pathlib import Path

from measuring.rows import Benchmark, Row
from measuring.samples import interleaved

CLI = Path(sys.executable).parent / "rustybt-ray"
HEAVY = ("ray", "numba", "plotly", "optuna", "pandas")


def measure(quick: bool) -> list[Row]:
    """Whole processes against a Python that imports nothing; what must not be loaded is checked first."""
    script = f"import sys, rustybt_ray; print([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]", f"import rustybt_ray loads {loaded}"
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "import": [sys.executable, "-c", "import rustybt_ray"],
        "help": [str(CLI), "--help"],
    }
    calls = [lambda words=words: subprocess.run(words, capture_output=True, check=True) for words in commands.values()]
    times = interleaved(10 if quick else 30, *calls) * 1e3
    return [
        Row("import", "`import rustybt_ray`, beyond a bare Python", "ms", times[:, 1] - times[:, 0]),
        Row("help", "`rustybt-ray --help`, the whole process", "ms", times[:, 2]),
        Row("python", "a bare Python, the whole process", "ms", times[:, 0]),
    ]


BENCHMARK = Benchmark("start", "start", "How long do the import and the command line take?", measure)

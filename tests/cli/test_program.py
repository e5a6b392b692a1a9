"""The program as a process: help, start-up, exit codes, errors in one line."""

import json
import subprocess
import sys

import click
import numpy as np
import pytest
from click.testing import CliRunner

from rustybt_ray.cli.compiling import announce_compile
from rustybt_ray.cli.program import Program, describe
from rustybt_ray.data.sample import sample_panel
from rustybt_ray.engine import _objects
from rustybt_ray.engine.backtest import simulate
from rustybt_ray.exceptions import BundleError, IngestError

HEAVY = ("ray", "numba", "polars", "pandas", "scipy", "pyarrow", "numpy", "rich")
COMMANDS = (
    [],
    ["ingest"],
    ["bundles"],
    ["bundles", "list"],
    ["bundles", "show"],
    ["bundles", "verify"],
    ["bundles", "remove"],
    ["backtest"],
    ["optimize"],
    ["demo"],
)
LOADED = """
import json, sys
from rustybt_ray.cli import main
try:
    main({words!r})
except SystemExit as end:
    assert not end.code, end.code
loaded = {{name.partition(".")[0] for name in sys.modules}}
print(json.dumps(sorted(loaded & set({heavy!r}))), file=sys.stderr)
"""


@pytest.mark.parametrize("words", [["--help"], ["optimize", "--help"], ["bundles", "list", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(words):
    script = LOADED.format(words=words, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr.splitlines()[-1]) == []
    assert "rustybt-ray" in done.stdout or "Usage:" in done.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_says_what_it_does(words, call):
    text = call(*words, "-h").stdout
    assert text.startswith(f"Usage: {' '.join(['rustybt-ray', *words])}")
    about = next(line for line in text.splitlines()[1:] if line.startswith("  "))
    assert about.strip()


@pytest.mark.parametrize("words", [[], ["optimize"]])
def test_help_documents_the_exit_codes(words, call):
    text = call(*words, "--help").stdout
    for line in ("0    done", "1    an error", "2    the command line", "3    every trial failed", "130  interrupted"):
        assert line in text


@pytest.mark.parametrize("words", [words for words in COMMANDS if words and words != ["bundles"]], ids=" ".join)
def test_every_command_takes_the_bundle_root(words, call):
    text = call(*words, "--help").stdout
    assert "--bundle-root DIR" in text
    assert "--debug" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["optimise"], "No such command 'optimise'"),
        (["optimize", "-f", "x.py"], "Missing option '-b' / '--bundle'"),
        (["optimize", "-f", "x.py", "-b", "b"], "Missing option '-p' / '-D' / '--param'. Forms: fast=5:50:5"),
        (["optimize", "-p", "fast"], "the parameter must be NAME=VALUES; received 'fast'"),
        (["optimize", "-p", "a=1,2", "-p", "a=3,4"], "'a' must be given once"),
        (["optimize", "-s", "2010"], "a date must be year-month-day; received '2010'"),
        (["optimize", "--commission", "1bp"], "Forms: per-dollar:0.001"),
        (["optimize", "--slippage", "1bp"], "Forms: basis-points:5"),
        (["optimize", "--set", "dely=1"], "the setting must be one of shares"),
        (["optimize", "-j", "0"], "0 is not in the range x>=1"),
        (["optimize", "--search", "gird"], "'gird' is not one of 'grid', 'random'"),
        (["backtest", "-p", "fast"], "the parameter must be NAME=VALUE; received 'fast'"),
        (["backtest", "--fill", "now"], "'now' is not one of 'next_close', 'next_open'"),
        (["ingest", "name"], "Missing argument 'SOURCE'"),
    ],
)
def test_errors_of_usage(words, message, call):
    result = call(*words, code=2)
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""


def program(error):
    """A program of one command that raises."""

    @click.group(cls=Program)
    def main():
        pass

    @main.command()
    @click.option(
        "--debug", is_flag=True, expose_value=False, callback=lambda c, p, v: c.meta.update({"rustybt_ray.debug": v})
    )
    def fail():
        raise error

    return main


def test_an_error_of_ours_is_one_line():
    result = CliRunner().invoke(program(BundleError("There is no bundle 'x'", "/b", "Make one.")), ["fail"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: There is no bundle 'x' (/b). Make one.\n"


def test_findings_follow_their_error():
    error = IngestError("2 errors stop the ingest", "a.csv", "Correct it.", ("row 1", "row 2"))
    result = CliRunner().invoke(program(error), ["fail"])
    assert result.stderr == "Error: 2 errors stop the ingest (a.csv). Correct it.\n  row 1\n  row 2\n"


def test_the_line_is_red_on_a_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    error = BundleError("gone", "here", "Look.")
    assert CliRunner().invoke(program(error), ["fail"], color=True).stderr.startswith("\x1b[31mError: gone")
    monkeypatch.setenv("NO_COLOR", "1")
    assert CliRunner().invoke(program(error), ["fail"], color=True).stderr.startswith("Error: gone")


def test_debug_shows_the_traceback():
    error = BundleError("gone", "here", "Look.")
    assert CliRunner().invoke(program(error), ["fail", "--debug"]).exception is error


def test_ctrl_c():
    result = CliRunner().invoke(program(KeyboardInterrupt()), ["fail"])
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


def test_an_error_of_the_users_code_names_its_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def f():\n    return 1 / 0\n")
    names = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    with pytest.raises(ZeroDivisionError) as raised:
        names["f"]()
    expected = f"ZeroDivisionError: division by zero ({path}:2 in f). --debug shows the traceback."
    assert describe(raised.value) == expected


def test_a_file_that_cannot_be_read_is_named():
    assert describe(FileNotFoundError(2, "No such file or directory", "a.py")) == "No such file or directory: a.py"


def test_the_first_compile_is_announced(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_objects, "folder", lambda: tmp_path)
    announce_compile()
    assert capsys.readouterr() == ("", "compiling the engine once (about 20 s)…\n")
    (tmp_path / "batch_nb.run_segments-1.kernel").touch()
    announce_compile()
    assert capsys.readouterr() == ("", "")


def test_compiled_kernels_are_where_it_looks():
    simulate(sample_panel(), np.zeros((6289, 8)), 0, 30)
    assert list(_objects.folder().glob("batch_nb.run_segments-*.kernel"))

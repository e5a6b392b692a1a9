import io
import sys
import threading
import time

import numpy as np
import pytest

from rustybt_ray.execution.messages import COMPLETE, FAILED, Block, Chunk
from rustybt_ray.progress import Bar, Counts, Lines, Shown, make_listener


class Terminal(io.StringIO):
    def isatty(self):
        return True


def block(values, *, states=None, names=("sharpe_ratio", "ruined"), ruined=None):
    count = len(values)
    metrics = np.column_stack([values, ruined if ruined is not None else np.zeros(count)])
    state = np.array(states if states is not None else [COMPLETE] * count, np.uint8)
    empty = np.full((count, 37), np.nan)
    return Block(np.arange(count), names, state, metrics, empty, np.zeros(count), {}, "inline")


def chunk(size):
    return Chunk(0, np.arange(size), {})


def counted(*blocks, direction="maximize", total=100):
    counts = Counts("sharpe_ratio", direction)
    counts.begin(total, 1, now=0.0)
    for each in blocks:
        counts.add(each)
    return counts


def test_counts_trials_failures_and_the_best_so_far():
    counts = counted(block([0.5, 1.5, np.nan], states=[COMPLETE, COMPLETE, FAILED]), block([1.25, 0.0]))
    assert (counts.done, counts.failed, counts.best) == (5, 1, 1.5)
    assert counts.text(now=2.5) == "5 of 100 trials, 2/s, best sharpe_ratio 1.5, 1 failed, 48 s left"


@pytest.mark.parametrize(("direction", "best"), [("maximize", 3.0), ("minimize", -2.0)])
def test_the_best_follows_the_direction(direction, best):
    assert counted(block([3.0, 1.0]), block([-2.0, np.nan]), direction=direction).best == best


def test_failed_and_ruined_trials_are_never_best():
    counts = counted(block([9.0, 8.0, 1.0], states=[FAILED, COMPLETE, COMPLETE], ruined=[0.0, 1.0, 0.0]))
    assert counts.best == 1.0


def test_without_the_objective_there_is_no_best():
    assert "best" not in counted(block([1.0], names=("loss", "other"))).text(now=1.0)
    assert "best" not in counted(block([np.nan, np.nan])).text(now=1.0)


def test_the_rate_forgets_what_is_long_ago():
    counts = counted()
    for second in range(1, 41):
        counts.done += 1 if second <= 20 else 10
        rate = counts.rate(float(second))
    assert rate == pytest.approx(10.0)


def test_a_search_without_an_end_has_no_time_left():
    assert counted(block([1.0, 2.0]), total=None).text(now=1.0) == "2 trials, 2/s, best sharpe_ratio 2"


def test_says_that_workers_start_until_one_has():
    counts = counted()
    assert counts.text(now=1.0) == "0 of 100 trials, starting workers"
    listener = Shown(counts, Lines(always=False), 9.0, 9.0)
    listener.worker_ready(0)
    assert counts.text(now=1.0) == "0 of 100 trials"


def test_workers_alive_are_counted_as_they_come_and_go():
    listener = Shown(counted(total=10), Lines(always=False), 9.0, 9.0)
    counts = listener.counts
    counts.begin(10, 3, now=0.0)
    for worker in (1, 2, 3):
        listener.worker_ready(worker)
    assert counts.text(now=1.0) == "0 of 10 trials, 3 workers"
    listener.worker_died(2, "killed")
    listener.worker_replaced(2)
    assert counts.text(now=1.0) == "0 of 10 trials, 2 of 3 workers"
    listener.worker_ready(4)
    listener.worker_replaced(1)  # asked for by itself, without dying
    assert counts.text(now=1.0) == "0 of 10 trials, 2 of 3 workers"
    listener.worker_ready(5)
    listener.worker_ready(6)
    assert counts.text(now=1.0) == "0 of 10 trials, 4 workers"
    counts.begin(10, 1, now=2.0)
    assert counts.text(now=3.0) == "0 of 10 trials, starting workers"


def test_the_cache_is_told_over_all_blocks():
    first, second = block([1.0]), block([2.0])
    first.lookups, second.lookups = (1, 3), (98, 0)
    counts = counted(first)
    assert "cache 25 %" in counts.text(now=1.0)
    counts.add(second)
    assert "cache 97 %" in counts.text(now=1.0)
    assert "cache" not in counted(block([1.0])).text(now=1.0)


def run(listener, *blocks, stopped=None):
    listener.started(sum(map(len, blocks)), 1)
    for each in blocks:
        listener.finished_block(chunk(len(each)), each)
    listener.ended(stopped)


def test_false_shows_nothing_and_logs_deaths(capsys, caplog):
    listener = make_listener(False, "sharpe_ratio", "maximize")
    run(listener, block([1.0]))
    assert not caplog.records
    listener.worker_died(1, "killed")
    assert caplog.record_tuples == [("rustybt_ray", 30, "worker 1 died (killed); its trials run again")]
    assert capsys.readouterr() == ("", "")


def test_a_short_study_shows_nothing(capsys):
    run(make_listener(None, "sharpe_ratio", "maximize"), block([1.0]))
    assert capsys.readouterr() == ("", "")


def test_true_shows_the_end_of_a_short_study(capsys):
    run(make_listener(True, "sharpe_ratio", "maximize"), block([1.0, 2.0]), stopped="interrupted")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("2 of 2 trials")
    assert err.endswith("best sharpe_ratio 2, interrupted\n")
    assert err.count("\n") == 1


def test_lines_come_while_a_study_runs_and_at_its_end(capsys):
    listener = Shown(Counts("sharpe_ratio", "maximize"), Lines(always=False), 0.01, 0.01)
    listener.started(3, 1)
    listener.finished_block(chunk(2), block([1.0, 2.0]))
    deadline = time.monotonic() + 10.0
    err = ""
    while "2 of 3 trials" not in err and time.monotonic() < deadline:
        time.sleep(0.01)
        err += capsys.readouterr().err
    listener.finished_block(chunk(1), block([0.5]))
    listener.ended(None)
    assert "2 of 3 trials" in err
    assert capsys.readouterr().err.splitlines()[-1].startswith("3 of 3 trials")


def test_a_dead_worker_is_told_at_once(capsys):
    listener = make_listener(None, "sharpe_ratio", "maximize")
    listener.started(10, 2)
    listener.worker_died(3, "out of memory")
    assert capsys.readouterr().err == "worker 3 died (out of memory); its trials run again\n"
    listener.ended(None)


def test_no_thread_is_left(capsys):
    listener = make_listener(True, "sharpe_ratio", "maximize")
    run(listener, block([1.0]))
    assert not [thread for thread in threading.enumerate() if thread.name == "rustybt_ray-progress"]
    listener.ended(None)  # and an end without a beginning is none
    assert capsys.readouterr().err.count("1 of 1 trials") == 1


def test_a_study_that_goes_on_with_other_workers_keeps_its_counts(capsys):
    listener = make_listener(True, "sharpe_ratio", "maximize")
    run(listener, block([7.0, 1.0]), stopped="stopped")
    run(listener, block([1.0]))
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("2 of 2 trials")
    assert "stopped" not in first
    assert second.startswith("3 of 3 trials")
    assert "best sharpe_ratio 7" in second


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    counts, bar = counted(block([1.0, 2.0]), total=4), Bar()
    bar.draw(counts, now=1.0)
    bar.say("worker [1] died")
    assert "2/4" in terminal.getvalue()
    assert "best sharpe_ratio 2, 1 s left" in terminal.getvalue()
    assert "worker [1] died" in terminal.getvalue()
    bar.close(counts, 1.0, None)
    assert terminal.getvalue().endswith(("\x1b[2K", "\x1b[?25h"))  # line erased, cursor shown


def test_a_terminal_sees_nothing_of_a_short_study(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    run(make_listener(None, "sharpe_ratio", "maximize"), block([1.0]))
    assert terminal.getvalue() == ""

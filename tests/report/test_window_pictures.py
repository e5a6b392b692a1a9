"""Pictures of windows: the figure's structure, and a page that needs no network."""

import re
import subprocess
import sys
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pytest

import rustybt_ray as rb
from rustybt_ray.data.nyse import sessions_between
from rustybt_ray.exceptions import InputError
from rustybt_ray.report.windows import COLORS, draw_windows, figure
from rustybt_ray.validation.drawing import SIGNS, bars

NYSE = sessions_between(date(2000, 1, 3), date(2024, 12, 31))[0]
FORTY = np.datetime64("2021-12-12") + np.arange(40)
DAY = 86_400_000.0


def overlapping():
    return rb.Rolling(train=20, validate=8, test=8, step=4).windows(FORTY, purge=2, embargo=1)


class Page(HTMLParser):
    """Every tag with its attributes, and texts outside of scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.scripts, self._inside = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        (self.scripts if self._inside == "script" else self.texts).append(data)


@pytest.mark.parametrize(
    "windows",
    [
        overlapping(),
        rb.Expanding(train="3y", validate="6mo", test="6mo").windows(NYSE),
        rb.CombinatorialPurged(groups=6, test_groups=2).splits(FORTY, purge=1, embargo=1),
    ],
)
def test_every_bar_is_drawn_once_where_it_belongs(windows):
    drawn = figure(windows).to_dict()
    days = windows.days.astype("datetime64[D]")
    found = {
        (row, trace["name"], base, length, *custom)
        for trace in drawn["data"]
        for row, base, length, custom in zip(trace["y"], trace["base"], trace["x"], trace["customdata"], strict=True)
    }
    names = {"overlap": "test, not in the curve"}
    expected = set()
    for bar in bars(windows):
        after = days[bar.last + 1] if bar.last + 1 < len(days) else days[bar.last] + 1
        length = float((after - days[bar.first]) / np.timedelta64(1, "D")) * DAY
        start, end = str(days[bar.first]), str(days[bar.last])
        part = names.get(bar.part, bar.part)
        expected.add((bar.row, part, start, length, start, end, bar.last - bar.first + 1))
    assert found == expected
    assert sum(len(trace["y"]) for trace in drawn["data"]) == len(bars(windows))


def test_kinds_have_a_colour_each_in_the_order_of_the_text():
    drawn = figure(overlapping()).to_dict()
    assert set(COLORS) == set(SIGNS)
    assert len(set(COLORS.values())) == len(COLORS)
    assert [trace["name"] for trace in drawn["data"]] == [
        "train", "left out", "validate", "test, not in the curve", "test",
    ]  # fmt: skip
    assert {trace["orientation"] for trace in drawn["data"]} == {"h"}
    layout = drawn["layout"]
    assert (layout["barmode"], layout["yaxis"]["autorange"], layout["xaxis"]["type"]) == ("overlay", "reversed", "date")
    assert layout["title"]["text"].startswith("Rolling(train=20, validate=8, test=8, step=4), purge=2<br>")
    assert "3 windows of 40 sessions, 2021-12-12 to 2022-01-20" in layout["title"]["text"]


def test_the_page_needs_no_network_and_may_not_use_one(tmp_path):
    windows = overlapping()
    path = draw_windows(windows, tmp_path / "windows.html")
    page = Page(path.read_text(encoding="utf-8"))
    fetched = [(tag, name) for tag, attributes in page.tags for name in attributes if name in ("src", "href")]
    assert fetched == []
    policies = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
    ]
    assert not re.search("https?:", "".join(page.texts))
    assert sum(map(len, page.scripts)) > 1_000_000  # plotly.js is in the page
    assert all(note in "".join(page.texts) for note in windows.notes)
    assert len(windows.notes) == 4
    assert "2022-01-13" in "".join(page.scripts)


def test_the_same_windows_are_the_same_bytes(tmp_path):
    pages = [draw_windows(overlapping(), tmp_path / name).read_bytes() for name in ("one.html", "two.html")]
    assert pages[0] == pages[1]


def test_what_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"path must be named \.html; received '.*windows\.png'"):
        draw_windows(overlapping(), tmp_path / "windows.png")
    monkeypatch.setattr("rustybt_ray.report.windows.find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"drawn with plotly, which is not installed.*pip install 'rustybt_ray\[report\]'"
    ):
        draw_windows(overlapping(), tmp_path / "windows.html")
    assert not list(tmp_path.iterdir())


def test_plotly_is_loaded_by_a_picture_alone():
    code = "import sys, rustybt_ray.report.windows; print(any(name.startswith('plotly') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"

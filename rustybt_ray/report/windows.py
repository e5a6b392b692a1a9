"""Windows and splits as a picture: an HTML file that opens without a network."""

import html
from collections.abc import Iterable
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.combinatorial import Splits
from rustybt_ray.validation.drawing import MEANINGS, SIGNS, Bar, bars
from rustybt_ray.validation.segments import Windows, dates_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLORS = {"train": "#56B4E9", "left out": "#BBBBBB", "validate": "#E69F00", "overlap": "#99D8C9", "test": "#009E73"}
"""Told apart by the colour-blind too (Okabe and Ito 2008)."""
ROW, FRAME, TALLEST = 18, 140, 4_000
"""Pixels of a row, of what is around the rows, and of the whole picture at most."""
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""What a browser lets the page do: run what is in it, and fetch nothing."""
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>body {{ font-family: sans-serif; margin: 1em; }} li {{ margin: 0.3em 0; }}</style>
</head>
<body>
{picture}
{notes}
</body>
</html>
"""


def draw_windows(windows: Windows | Splits, path: str | Path) -> Path:
    """Write the windows as an HTML file: a row a window, a bar a segment, what each is under the pointer.

    Parameters
    ----------
    windows : Windows or Splits
        What `Rolling`, `Expanding` or `CombinatorialPurged` made of some sessions.
    path : path
        Named .html. All that the picture needs is in it: it opens without a network, and may not use one.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the file is named otherwise, or plotly is not installed.
    OSError
        If it cannot be written.
    """
    target = Path(path)
    if target.suffix not in (".html", ".htm"):
        raise InputError("path", "named .html", str(path), "The picture is a page for a browser.")
    picture = figure(windows).to_html(
        full_html=False, include_plotlyjs=True, div_id="windows", config={"displaylogo": False, "responsive": True}
    )
    notes = windows.notes if isinstance(windows, Windows) else ()
    listed = "".join(f"<li>{html.escape(note)}</li>\n" for note in notes)
    title = html.escape(windows.title)
    page = PAGE.format(policy=POLICY, title=title, picture=picture, notes=f"<ul>\n{listed}</ul>" if listed else "")
    target.write_text(page, encoding="utf-8")
    return target


def figure(windows: Windows | Splits) -> "Figure":
    """The same as a plotly figure: one trace a kind of segment, with `Bar` records as its custom data.

    Raises
    ------
    InputError
        If plotly is not installed.
    """
    if find_spec("plotly") is None:
        remedy = "Install it: pip install 'rustybt_ray[report]'. rustybt_ray.validation.drawing.draw needs nothing."
        raise InputError("a picture", "drawn with plotly, which is not installed", "no plotly", remedy)
    import plotly.graph_objects as go

    made = bars(windows)
    what = "window" if isinstance(windows, Windows) else "split"
    traces = [_trace(go, part, [bar for bar in made if bar.part == part], windows, what) for part in SIGNS]
    first, last = dates_of(windows.days[[0, -1]])
    some = f"{len(windows)} {what}{'s' * (len(windows) != 1)} of {len(windows.days):,} sessions, {first} to {last}"
    layout = {
        "title": {"text": f"{html.escape(windows.title)}<br><sub>{some}</sub>"},
        "barmode": "overlay",
        "bargap": 0.25,
        "height": min(FRAME + ROW * len(windows), TALLEST),
        "xaxis": {"type": "date"},
        "yaxis": {"title": {"text": what}, "autorange": "reversed", "dtick": max(1, len(windows) // 50)},
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
        "template": "plotly_white",
    }
    return go.Figure(data=[trace for trace in traces if trace is not None], layout=layout)


def _trace(go: Any, part: str, found: list[Bar], windows: Windows | Splits, what: str) -> Any:
    """The bars of one kind; None if there is none."""
    if not found:
        return None
    return go.Bar(
        name=MEANINGS.get(part, part),
        orientation="h",
        y=[bar.row for bar in found],
        base=[bar.start.isoformat() for bar in found],
        x=list(_lengths(found, windows)),
        marker={"color": COLORS[part]},
        customdata=[[bar.start.isoformat(), bar.end.isoformat(), bar.last - bar.first + 1] for bar in found],
        hovertemplate=f"{what} %{{y}}, {part}<br>%{{customdata[0]}} to %{{customdata[1]}}"
        "<br>%{customdata[2]:,} sessions<extra></extra>",
    )


def _lengths(found: Iterable[Bar], windows: Windows | Splits) -> Iterable[float]:
    """Milliseconds from a bar's first session to the one after its last, so that neighbours touch."""
    dates = dates_of(windows.days)
    for bar in found:
        stop = dates[bar.last + 1] if bar.last + 1 < len(dates) else bar.end + timedelta(days=1)
        yield (stop - bar.start) / timedelta(milliseconds=1)

"""docs/walk_forward.md shows what its code prints."""

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "walk_forward.md"


def test_the_code_prints_what_stands_below_it():
    blocks = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == PAGE.read_text().count("```python") == 1
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(blocks[0][0], {})
    assert printed.getvalue() == blocks[0][1]

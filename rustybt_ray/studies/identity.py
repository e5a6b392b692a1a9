"""Whether two specifications ask for the same results, and what differs if not."""

import difflib
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.spec import FORMAT

DECIDING = (
    "digest", "kind", "version", "search", "start", "end", "capital", "costs", "fill", "settings", "seed", "engine",
)  # fmt: skip
"""Keys that determine what a trial of given parameters yields; `search` also which trials there are."""
JUDGING = ("objective", "direction", "aims", "require", "walk_forward")
"""Keys that determine which trial is best."""


def as_stored(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A specification as it reads back from its file."""
    made: dict[str, Any] = json.loads(json.dumps(spec, default=str))
    return made


def study_key(spec: Mapping[str, Any]) -> str:
    """SHA-256 over all that determines the results of a study's trials; never the version of this package."""
    stored = as_stored(spec)
    deciding = {name: stored.get(name) for name in DECIDING}
    if (forward := stored.get("walk_forward")) is not None:
        deciding["walk_forward"] = {name: value for name, value in forward.items() if name != "select"}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def trial_key(study: str, params: Mapping[str, Any]) -> str:
    """SHA-256 of a trial: its study's key and its parameters."""
    text = json.dumps([study, {name: ascii(value) for name, value in params.items()}], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def check_same(stored: Mapping[str, Any], asked: Mapping[str, Any], where: str) -> None:
    """Refuse to go on with a study of other results.

    Raises
    ------
    RunError
        If the format is newer, or a key differs; the message names each with both values, and shows what changed in the
        strategy's source.
    """
    check_format(stored, where)
    stored, asked = {"aims": [], **stored}, as_stored(asked)
    differing = [
        line for name in (*DECIDING, *JUDGING) for line in _differences(name, stored.get(name), asked.get(name))
    ]
    if not differing:
        return
    what = "the run directory holds another study; these differ:\n  " + "\n  ".join(differing)
    if stored.get("digest") != asked.get("digest"):
        what += source_changes(stored, asked)
    raise RunError(what + "\n", where, "Ask for the same study again, or choose another run directory.")


def check_format(stored: Mapping[str, Any], where: str) -> None:
    """Refuse a specification of a newer format.

    Raises
    ------
    RunError
    """
    number = stored.get("format", 0)
    if not isinstance(number, int) or number > FORMAT:
        what = f"study.json has format {number}, this version reads up to {FORMAT}"
        raise RunError(what, where, "Use the rustybt_ray that wrote it, or a newer one.")


def source_changes(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """A unified diff of the strategy's source; a line that says so where it is the same."""
    old, new = ((made.get("strategy") or {}).get("source") or "" for made in (stored, asked))
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "recorded", "now", lineterm=""))
    if not lines:
        return "\n  the function's own source is the same: something that it uses has changed"
    return "\n" + "\n".join(f"  {line}" for line in lines)


def _differences(name: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        keys = dict.fromkeys([*old, *new])
        return [line for key in keys for line in _differences(f"{name}.{key}", old.get(key), new.get(key))]
    return [f"{name}: recorded {old!r}, asked {new!r}"]

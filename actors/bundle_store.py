"""Panels in the object store: put once a version by the driver, handed out as references."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rustybt_ray.data.panel import Panel


@dataclass(frozen=True)
class PlacedPanel:
    """A panel that workers can open.

    Attributes
    ----------
    scalars : dict
        What `Panel.from_arrays` needs besides the arrays.
    fields : dict
        ``{"arrays": reference}``: inside a dict the reference arrives as one, so that the worker decides when to fetch.
    nbytes : int
        Bytes of the arrays.
    """

    scalars: dict[str, object]
    fields: dict[str, Any]
    nbytes: int

    @property
    def version(self) -> str:
        """Bundle version."""
        return str(self.scalars["version"])


class SharedPanels:
    """Panels placed so far, the one used last at the end.

    Parameters
    ----------
    put : callable
        Places an object and returns its reference: `ray.put`.
    limit : int
        Panels to keep; the one unused for longest is let go.
    """

    def __init__(self, put: Callable[[Any], Any], limit: int) -> None:
        self._put, self._limit = put, limit
        self._placed: OrderedDict[str, PlacedPanel] = OrderedDict()

    def place(self, panel: Panel) -> PlacedPanel:
        """Put a panel's arrays unless its version is there."""
        if panel.version not in self._placed:
            scalars, arrays = panel.to_arrays()
            self._placed[panel.version] = PlacedPanel(scalars, {"arrays": self._put(arrays)}, panel.nbytes)
        self._placed.move_to_end(panel.version)
        while len(self._placed) > self._limit:
            self._placed.popitem(last=False)
        return self._placed[panel.version]

    def __iter__(self) -> Iterator[PlacedPanel]:
        return iter(self._placed.values())

    @property
    def nbytes(self) -> int:
        """Bytes of all panels kept."""
        return sum(placed.nbytes for placed in self)

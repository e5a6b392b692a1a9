"""Panels in the object store: put once a version by the driver, handed out as references."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from rustybt_ray._record import record_class
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import ExecutionError
from rustybt_ray.workspace.market_data import adjusted_fields

log = logging.getLogger("rustybt_ray.workers")


@record_class(frozen=True)
class PlacedPanel:
    """A panel that workers can open.

    Attributes
    ----------
    version : str
        Bundle version.
    name : str or None
        Of the bundle; workers let an older version of it go.
    scalars : dict
        What `Panel.from_arrays` needs besides the arrays, or the ``folder`` of a bundle that workers map themselves.
    fields : dict
        Under "arrays" a reference, and by (field, adjustment) those of adjusted fields: inside a dict references arrive as
        such, so that the worker decides when to fetch.
    nbytes : int
        Bytes in the object store.
    """

    version: str
    name: str | None
    scalars: dict[str, object]
    fields: dict[Any, Any]
    nbytes: int


class SharedPanels:
    """Panels placed so far, the one used last at the end.

    Parameters
    ----------
    put : callable
        Places an object and returns its reference, as `ray.put` does.
    limit : int
        Panels to keep; the one unused for longest is let go.
    room : callable
        Bytes that the object store of each machine has in all.
    """

    def __init__(self, put: Callable[[Any], Any], limit: int, room: Callable[[], float]) -> None:
        self._put, self._limit, self._room = put, limit, room
        self._placed: OrderedDict[str, PlacedPanel] = OrderedDict()

    def place(self, panel: Panel, name: str | None = None) -> PlacedPanel:
        """Put a panel's arrays unless its version is there, and its adjusted fields if there is room for them.

        A panel that is too large for the store is not put: workers map the files of its bundle.

        Raises
        ------
        ExecutionError
            If it is too large and has no files.
        """
        if panel.version not in self._placed:
            self._forget(name)
            self._placed[panel.version] = self._make(panel, name)
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

    def _make(self, panel: Panel, name: str | None) -> PlacedPanel:
        scalars, arrays = panel.to_arrays()
        room = self._make_room(panel.nbytes)
        if room < panel.nbytes:
            if panel.folder is None:
                raise ExecutionError(
                    f"the panel of {panel.nbytes:,} bytes does not fit Ray's object store",
                    f"a machine's store has room for {room:,.0f}",
                    "Start Ray with a larger object_store_memory, or publish the panel with BundleStore on storage that "
                    "all machines have, so that workers map its files.",
                )
            log.warning(
                "a panel of %d bytes does not fit Ray's object store, workers map %s", panel.nbytes, panel.folder
            )
            return PlacedPanel(panel.version, name, {"folder": str(panel.folder.absolute())}, {}, 0)
        fields: dict[Any, Any] = {"arrays": self._put(arrays)}
        used = panel.nbytes
        for key, values in adjusted_fields(panel):
            if used + values.nbytes > room:
                break
            fields[key] = self._put(values)
            used += values.nbytes
        return PlacedPanel(panel.version, name, scalars, fields, used)

    def _make_room(self, needed: int) -> float:
        """Bytes that are left, after panels that were used longest ago are let go as far as `needed` asks for it."""
        room = self._room()
        while self._placed and room - self.nbytes < needed:
            self._placed.popitem(last=False)
        return room - self.nbytes

    def _forget(self, name: str | None) -> None:
        """An older version of a bundle is not used any more."""
        for version in [placed.version for placed in self if name is not None and placed.name == name]:
            del self._placed[version]

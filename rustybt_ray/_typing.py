"""Names of the types that cross the rooms."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
ParamValue: TypeAlias = bool | int | float | str | None
Params: TypeAlias = Mapping[str, Any]
DateLike: TypeAlias = str | date | datetime
if TYPE_CHECKING:
    from rustybt_ray.zipline.algorithm import Algorithm

    StrategyFunction: TypeAlias = Callable[..., Any] | Algorithm
else:
    StrategyFunction = Callable[..., Any]

"""pandas, once an algorithm asks for an object of it."""

import importlib
from functools import cache
from typing import Any

from rustybt_ray.exceptions import StrategyError


@cache
def pandas() -> Any:
    """The module, loaded with the first call.

    Raises
    ------
    StrategyError
        If it is not installed.
    """
    try:
        return importlib.import_module("pandas")
    except ImportError as problem:
        where = "data.current, data.history and dates as Series, DataFrame and Timestamp"
        remedy = "Install pandas (pip install pandas), or take arrays: data.history(..., as_array=True)."
        raise StrategyError(f"the algorithm needs pandas: {problem}", where, remedy) from problem

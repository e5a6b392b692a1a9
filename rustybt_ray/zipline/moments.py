"""Points in time of several kinds as one: nanoseconds since 1970 in UTC, and back as text. No pandas is loaded."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

DAY = 86_400_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(moment: Any) -> int:
    """UTC nanoseconds of a pandas Timestamp, datetime, date, numpy datetime64, ISO text or number of nanoseconds.

    What has no time zone is UTC.

    Raises
    ------
    TypeError
        If it is none of them.

    Examples
    --------
    >>> nanoseconds(date(1970, 1, 2)) == nanoseconds("1970-01-02T00:00:00Z") == DAY
    True
    """
    if isinstance(moment, int | np.integer):
        return int(moment)
    if isinstance(moment, datetime):
        if (known := getattr(moment, "value", None)) is not None:  # pandas: finer than a datetime
            return int(known)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return (aware - EPOCH) // timedelta(microseconds=1) * 1000
    if isinstance(moment, date):
        return (moment - EPOCH.date()).days * DAY
    if isinstance(moment, np.datetime64):
        return int(moment.astype("datetime64[ns]").astype(np.int64))
    if isinstance(moment, str):
        return nanoseconds(datetime.fromisoformat(moment))
    raise TypeError(f"a point in time must be a Timestamp, datetime, date or ISO text; received {moment!r}")


def text_of(moment: int) -> str:
    """UTC nanoseconds as pandas prints a Timestamp.

    Examples
    --------
    >>> text_of(DAY + 75_600_000_000_000)
    '1970-01-02 21:00:00+00:00'
    """
    return str(EPOCH + timedelta(microseconds=moment // 1000))

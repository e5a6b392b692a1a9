"""What a strategy raised, as it is recorded."""

import os
from pathlib import Path

from rustybt_ray.execution.messages import TrialError

PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep


def trial_error(error: BaseException) -> TrialError:
    """The error with the strategy's own lines of the traceback."""
    import traceback

    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(PACKAGE)]
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return TrialError(type(error).__name__, str(error), "".join(lines))

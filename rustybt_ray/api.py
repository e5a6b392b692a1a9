"""The calls people make: each puts the parts together and does nothing itself."""

import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rustybt_ray._expressions import Expression, parse
from rustybt_ray._typing import DateLike, StrategyFunction
from rustybt_ray._validation import check_choice
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.store import BundleStore
from rustybt_ray.engine.backtest import Backtest, Simulator, record
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.metrics import METRICS, ORDERED, check_metric
from rustybt_ray.engine.settings import FILLS, Settings
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.messages import Job
from rustybt_ray.progress import make_listener
from rustybt_ray.search.protocol import Search
from rustybt_ray.strategies.identity import strategy_digest
from rustybt_ray.strategies.load import load_strategy
from rustybt_ray.strategies.shipping import describe, pack
from rustybt_ray.strategies.strategy import OBJECTIVE, TARGET, Strategy, check_parameters, inspect_strategy
from rustybt_ray.studies.causality import first_moved
from rustybt_ray.studies.files import write_study
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.studies.study import Study
from rustybt_ray.studies.trials import check_names
from rustybt_ray.workspace.workspace import Workspace

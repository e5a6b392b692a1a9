"""How an optimization uses memory and workers."""

from rustybt_ray._record import record_class
from rustybt_ray._validation import check_bytes, check_count, check_number


@record_class(frozen=True)
class OptimizationConfig:
    """Caches and their limits.

    Parameters
    ----------
    enable_caching : bool, default True
        Keep indicators in the HistoryCache; False computes them anew in every trial.
    cache_size_gb : float, default 2.0
        Bytes of all HistoryCaches of one node, in units of 2**30, permanent windows included; a worker gets its share.
    enable_bundle_pooling : bool, default True
        Keep opened panels in the BundlePool; False keeps only the one in use.
    max_bundle_pool_size : int, default 8
        Panels that a worker keeps open.
    returns_budget : int or str, default "256MB"
        Bytes of daily returns that a study with a run directory keeps: those of all trials, or of none. 0 keeps none.

    Raises
    ------
    InputError
        If a limit is out of range.
    """

    enable_caching: bool = True
    cache_size_gb: float = 2.0
    enable_bundle_pooling: bool = True
    max_bundle_pool_size: int = 8
    returns_budget: int | str = "256MB"

    def __post_init__(self) -> None:
        remedy = "Use enable_caching=False to keep no indicators at all."
        check_number("cache_size_gb", self.cache_size_gb, low=0.0, strict=True, remedy=remedy)
        check_count("max_bundle_pool_size", self.max_bundle_pool_size, low=1)
        if self.returns_budget != 0:
            check_bytes("returns_budget", self.returns_budget)

    def cache_bytes(self, workers: int) -> int:
        """Bytes of one worker's HistoryCache when `workers` share a node."""
        return int(self.cache_size_gb * 2**30 / max(workers, 1)) if self.enable_caching else 0

    def keeps_returns(self, trials: int, days: int) -> bool:
        """Whether the daily returns of so many trials fit the budget."""
        budget = check_bytes("returns_budget", self.returns_budget) if self.returns_budget != 0 else 0
        return 4 * trials * days <= budget

    @property
    def pool_size(self) -> int:
        """Panels that a worker keeps open."""
        return self.max_bundle_pool_size if self.enable_bundle_pooling else 1

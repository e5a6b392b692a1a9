"""What trading costs where an algorithm says nothing, and `rb.Costs` as models of zipline's."""

from rustybt_ray.engine.costs import (
    Costs,
    FixedBasisPoints,
    FixedSpread,
    PerShare,
    Slippage,
    VolumeShare,
)
from rustybt_ray.zipline import slippage as models
from rustybt_ray.zipline.slippage import SlippageModel

ZIPLINE_COSTS = Costs(commission=PerShare(0.001), slippage=FixedBasisPoints(5.0, volume_limit=0.1))
"""zipline's own: a tenth of a cent a share; 5 basis points, for a tenth of the bar's volume at most."""
WITHOUT_LIMIT = 1e12
"""A volume limit that no order meets."""


def slippage_of(slippage: Slippage) -> SlippageModel:
    """A slippage of `rb.Costs` as zipline's model."""
    if isinstance(slippage, VolumeShare):
        return models.VolumeShareSlippage(slippage.volume_limit, slippage.price_impact)
    if isinstance(slippage, FixedSpread):
        return models.FixedSlippage(slippage.spread)
    if isinstance(slippage, FixedBasisPoints):
        return models.FixedBasisPointsSlippage(slippage.basis_points, slippage.volume_limit or WITHOUT_LIMIT)
    return models.NoSlippage()

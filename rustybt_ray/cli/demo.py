"""`demo`: a sweep over the sample bundle, from nothing to a ranked table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustybt_ray.cli.optimize import executor_options
from rustybt_ray.cli.options import common

if TYPE_CHECKING:
    from rustybt_ray.data.bundle import Bundle

FAST, SLOW = (5, 50, 5), (60, 250, 10)
COMMISSION = 0.001
NEXT = """\

Next, with data of your own (a folder with one SYMBOL.csv for each asset, or a Parquet file):

  rustybt-ray ingest my-data FOLDER
  rustybt-ray optimize -f strategy.py -b my-data -p fast=5:50:5 -p slow=60:250:10 --commission per-dollar:0.001

strategy.py, to begin with:

  import rustybt_ray as rb

  def sma_crossover(data, fast: int, slow: int):
      return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))

`rustybt-ray optimize --help` lists everything; examples/ has more strategies."""


def sma_crossover(data: Any, fast: int, slow: int) -> Any:
    """Hold each asset at 1/N while its fast average is above its slow one."""
    import rustybt_ray as rb

    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


@click.command("demo")
@executor_options
@common
def command(root: Path | None, **executor: Any) -> None:
    """Sweep 200 pairs of moving averages over a sample bundle and print the ranked table."""
    import tempfile

    from rustybt_ray.data.store import BundleStore

    with tempfile.TemporaryDirectory(prefix="rustybt_ray-demo-") as folder:
        bundle, place = _sample(root, Path(folder))
        click.echo(
            f"{bundle.reference}: {bundle.assets} stocks that never were, {bundle.sessions:,} sessions "
            f"{bundle.first_session} to {bundle.last_session}, in {BundleStore(place).root}"
        )
        _sweep(bundle, place, executor)


def _sample(root: Path | None, spare: Path) -> "tuple[Bundle, Path | None]":
    """The sample bundle where bundles are kept, or in `spare` if nothing can be written there."""
    from rustybt_ray.data.sample import ingest_sample
    from rustybt_ray.data.store import BundleStore
    from rustybt_ray.exceptions import BundleError

    try:
        return ingest_sample(BundleStore(root)), root
    except BundleError as error:
        click.echo(f"Warning: {error} A temporary folder is used.", err=True)
        return ingest_sample(BundleStore(spare)), spare


def _sweep(bundle: "Bundle", root: Path | None, executor: dict[str, Any]) -> None:
    from rustybt_ray.api.optimize import optimize
    from rustybt_ray.cli.compiling import announce_compile
    from rustybt_ray.cli.optimize import report
    from rustybt_ray.cli.output import computing
    from rustybt_ray.engine.costs import Costs, PerDollar
    from rustybt_ray.search.space import Int

    with computing():
        announce_compile()
        study = optimize(
            sma_crossover,
            bundle=bundle.reference,
            space={"fast": Int(FAST[0], FAST[1], step=FAST[2]), "slow": Int(SLOW[0], SLOW[1], step=SLOW[2])},
            costs=Costs(commission=PerDollar(COMMISSION)),
            root=root,
            **executor,
        )
    report(study, "table", None)
    click.echo("With a commission of 10 basis points. The data is synthetic: it says nothing about any market.")
    click.echo(NEXT)

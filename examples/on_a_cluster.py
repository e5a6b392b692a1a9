"""The sweep of sma_crossover.py on a Ray cluster: the same call with an address.

Run it on a machine that reaches the cluster: "auto" finds a Ray that runs on this one, HOST:PORT joins a head node.
"""

import argparse
from typing import Any

import rustybt_ray as rb


def sma_crossover(data: Any, fast: int, slow: int) -> rb.Weights:
    """Hold each asset at 1/N while its fast average is above its slow one."""
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def main(address: str | None = "auto", space: dict[str, Any] | None = None, **options: Any) -> rb.Study:
    return rb.optimize(
        sma_crossover,
        bundle=rb.ingest_sample().reference,
        space=space or {"fast": rb.Int(2, 120), "slow": rb.Int(3, 500)},
        constraint="fast<slow",
        costs=rb.Costs(commission=rb.PerDollar(0.001)),
        address=address,
        **options,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Sweep 52,000 pairs of moving averages on a Ray cluster.")
    parser.add_argument("--address", default="auto")
    study = main(parser.parse_args().address)
    print(study.top(10))
    print(f"{study.trials.height} trials in {study.elapsed:.1f} s")

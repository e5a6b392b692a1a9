"""Names of pools that outlive their drivers, and of the actors that belong to them."""

import re
from collections.abc import Iterable

from rustybt_ray.exceptions import InputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
NAMESPACE = "rustybt_ray"  # of all actors that have a name


def check_pool_name(name: object, argument: str = "name") -> str:
    """A pool's name: letters, digits, and ``_ . -`` after the first of them; InputError if it is none."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        rule = "letters, digits, '_', '.' and '-', the first a letter or digit"
        raise InputError(argument, rule, name, f"Such as {argument}='research'.")
    return name


def driver_of(pool: str) -> str:
    """Name of the actor that stands for a pool's driver."""
    return f"pool/{pool}/driver"


def worker_of(pool: str, number: int) -> str:
    """Name of a worker's actor.

    Examples
    --------
    >>> worker_of("research", 3)
    'pool/research/worker-3'
    """
    return f"pool/{pool}/worker-{number}"


def workers_in(pool: str, names: Iterable[str]) -> dict[int, str]:
    """Which of the names are those of a pool's workers, by number.

    Examples
    --------
    >>> workers_in("research", ["pool/research/worker-3", "pool/research/driver", "pool/research.2/worker-1"])
    {3: 'pool/research/worker-3'}
    """
    known = re.compile(re.escape(f"pool/{pool}/worker-") + r"(\d+)")
    return {int(found[1]): name for name in names if (found := known.fullmatch(name))}


def pools_in(names: Iterable[str]) -> list[str]:
    """Which pools the names of actors are of.

    Examples
    --------
    >>> pools_in(["pool/research/worker-3", "pool/research/driver", "pool/idle/worker-1"])
    ['idle', 'research']
    """
    known = re.compile(rf"pool/({NAME.pattern})/(?:driver|worker-\d+)")
    return sorted({found[1] for name in names if (found := known.fullmatch(name))})

"""Where a port of the host is reached from here: at its addresses, or where it is published."""

from collections.abc import Iterable, Mapping
from typing import Any

#: Address or name, and port.
Place = tuple[str, int]
#: Port of the host -> where this machine reaches it instead.
Places = Mapping[int, Place]


def published_ports(given: Mapping[Any, Any] | None) -> dict[int, Place]:
    """Return port -> its place on this machine, for a host that is a container here; mostly {}."""
    return {int(port): ("127.0.0.1", int(at)) for port, at in (given or {}).items()}


def places(port: int, published: Places, hosts: Iterable[object]) -> list[Place]:
    """Return where to try a port, in order; nowhere if other ports are published and it is not."""
    if published:
        return [published[port]] if port in published else []
    return [(str(host), port) for host in hosts if host]

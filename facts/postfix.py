"""Postfix as it is configured, and what is in its queue."""

import json
from typing import Any

from pyinfra.api import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError

from facts.fact import Fact
from facts.shell import readable, requires

#: qmgr(8)'s queues, as postqueue(1) names them.
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")

_COLUMNS = ("private", "unprivileged", "chroot", "wakeup", "process_limit", "command")


def _parameter(line: str) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    if not equals:
        raise FactProcessError(f"postconf printed no parameter: {line!r}")
    return name.strip(), value.strip()


def parse_postconf(output: list[str]) -> dict[str, str]:
    """Parse `postconf -n`: one "name = value" a line."""
    return dict(_parameter(line) for line in output)


def parse_master(output: list[str]) -> dict[str, dict[str, Any]]:
    """Parse `postconf -M` (one service a line) followed by `postconf -P` (one option a line)."""
    services: dict[str, dict[str, Any]] = {}
    for line in output:
        path, _, parameter = line.partition(" ")[0].rpartition("/")
        if path.count("/") == 1 and " = " in f"{line} ":
            if path not in services:
                raise FactProcessError(f"an option of no service: {line!r}")
            services[path]["options"][parameter] = _parameter(line)[1]
            continue
        fields = line.split()
        if len(fields) < 8:
            raise FactProcessError(f"postconf -M printed no service: {line!r}")
        name, kind, *columns = fields[:8]
        services[f"{name}/{kind}"] = {**dict(zip(_COLUMNS, columns, strict=True)), "options": {}}
    return services


def parse_queue(output: list[str]) -> dict[str, dict[str, int]]:
    """Parse the host's clock (epoch seconds), then `postqueue -j`: one JSON object a message."""
    queues = {name: {"count": 0, "oldest_age": 0} for name in QUEUES}
    with readable("postqueue printed something else"):
        now = int(output[0])
        for line in output[1:]:
            message = json.loads(line)
            queue = queues.setdefault(message["queue_name"], {"count": 0, "oldest_age": 0})
            queue["count"] += 1
            queue["oldest_age"] = max(queue["oldest_age"], now - message["arrival_time"])
    return queues


def _folder(config_dir: str | None) -> tuple[str | QuoteString, ...]:
    return () if config_dir is None else ("-c", QuoteString(config_dir))


class Postconf(Fact[dict[str, str]]):
    """
    Returns the parameters that main.cf sets, see postconf(1):

    .. code:: python

        {"myhostname": "mail.example.org", "relayhost": ""}
    """

    default = dict
    requires_command = requires("postconf")
    process = staticmethod(parse_postconf)

    def command(self, config_dir: str | None = None) -> StringCommand:
        return StringCommand("postconf -n", *_folder(config_dir))


class PostconfMaster(Fact[dict[str, dict[str, Any]]]):
    """
    Returns the services of master.cf, see master(5):

    .. code:: python

        {"submission/inet": {"private": "n", "chroot": "n", "process_limit": "20",
                             "command": "smtpd", "options": {"smtpd_sasl_auth_enable": "yes"}, …}}
    """

    default = dict
    requires_command = requires("postconf")
    process = staticmethod(parse_master)

    def command(self, config_dir: str | None = None) -> StringCommand:
        folder = _folder(config_dir)
        return StringCommand("postconf -M", *folder, "&& postconf -P", *folder)


class Queue(Fact[dict[str, dict[str, int]]]):
    """
    Returns the number of messages in each queue and the age of the oldest in seconds, see
    postqueue(1); also while Postfix is stopped:

    .. code:: python

        {"deferred": {"count": 2, "oldest_age": 340}, "active": {"count": 0, "oldest_age": 0}, …}
    """

    default = dict
    requires_command = requires("postconf")
    process = staticmethod(parse_queue)

    def command(self) -> StringCommand:
        return StringCommand("date +%s && postqueue -j")

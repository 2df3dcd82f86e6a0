"""DNS with a table of answers, for the tests of tasks/checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.answers import Answer, Server, View, Zone, content
from tasks.lookups import Lookups
from wanted.dns import Record

HERE = Server("ns.example.org", "192.0.2.53")
Table = dict[tuple[str, str], list[str]]


class Told(Lookups):
    """Lookups with a table of answers: (name, type) -> contents; "?" stands for no answer."""

    def __init__(self, table: Mapping[tuple[str, str], Sequence[str]]) -> None:
        super().__init__([], 0)
        self.table = table

    def ask(self, name: str, kind: str) -> Answer:
        alias = self.table.get((name, "CNAME"), ())
        if alias and alias[0] != "?":
            target = alias[0].rstrip(".")
            return Answer(self.ask(target, kind).records, target)
        contents = self.table.get((name, kind), alias)
        if list(contents) == ["?"]:
            return Answer(error="the name server 192.0.2.53 does not answer")
        return Answer(tuple(sorted(content(kind, each) for each in contents)))

    def everywhere(self, name: str, kind: str) -> View:
        answer = self.ask(name, kind)
        return View(name, kind, Zone("example.org", (HERE,)), {HERE: answer}, answer)


def table_of(wanted: Sequence[Record]) -> Table:
    """Return (name, type) -> contents of these records."""
    table: Table = {}
    for record in wanted:
        table.setdefault((record.name, record.type), []).append(record.content)
    return table

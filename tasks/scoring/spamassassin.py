"""What SpamAssassin says of the message; it runs on this machine, with its local rules only."""

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import replace

from tasks.scoring.part import Aspect, Part

#: The environment variable with the command to run; `make score` sets it.
COMMAND = "MAIL_SPAMASSASSIN"
TIMEOUT = 60.0
ASPECT = Aspect("score.spamassassin", "SpamAssassin", "0 points or less")

# -L: no network. -t: with the report. -x: neither reads nor makes settings in the home folder.
_ARGUMENTS = ("-L", "-t", "-x")
_SETTINGS = (
    "use_bayes 0",  # what this machine has learnt does not hold for others
    # No private address is trusted: a test network counts as foreign like every other.
    "trusted_networks 0.0.0.0/32",
    # Reverse DNS has a part of its own, and without network tests SpamAssassin gives this rule
    # three times its usual points.
    "score RDNS_NONE 0",
)


def command() -> list[str]:
    """Return the command: from the environment, else this machine's own; [] if there is none."""
    if given := shlex.split(os.environ.get(COMMAND, "")):
        return given
    return ["spamassassin"] if shutil.which("spamassassin") else []


def report(argv: list[str], message: bytes) -> str:
    """Return SpamAssassin's report on a message; ValueError with the reason where there is none."""
    settings = [word for line in _SETTINGS for word in ("--cf", line)]
    words = [*argv, *_ARGUMENTS, *settings]
    try:
        done = subprocess.run(words, input=message, capture_output=True, timeout=TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else f"no answer in {TIMEOUT:g} s"
        raise ValueError(f"{argv[0]}: {reason}") from None
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ValueError(f"{argv[0]} exited with {done.returncode}: {' '.join(last)}")
    return done.stdout.decode(errors="replace")


_TOTAL = re.compile(r"^Content analysis details:\s+\((-?\d+\.\d) points", re.MULTILINE)
_RULE = re.compile(r"^\s*(-?\d+\.\d)\s+([A-Z][A-Z0-9_]+)\s+(.*)$", re.MULTILINE)


def part(text: str) -> Part:
    """Judge a report: points above 0 are lost."""
    totals = list(_TOTAL.finditer(text))
    if not totals:
        return ASPECT.unknown("message", "its report has no points in it")
    total = float(totals[-1][1])
    rules = _RULE.findall(text, totals[-1].end())
    listed = ", ".join(f"{name} {score}" for score, name, _ in rules) or "no rule"
    seen = f"{total:g} points: {listed}"
    if total <= 0:
        return ASPECT.good("message", seen)
    _, name, meaning = max(rules, key=lambda rule: float(rule[0]))
    remedy = f"{name}: {meaning.strip()}"
    return replace(ASPECT, lost=total).bad("message", seen, remedy)


def judge(message: bytes) -> Part:
    """Run SpamAssassin if it is installed."""
    argv = command()
    if not argv:
        remedy = "install spamassassin on this machine, or Docker for 'make score'"
        return ASPECT.unknown("message", "not asked: there is none here", remedy)
    try:
        return part(report(argv, message))
    except ValueError as error:
        return ASPECT.unknown("message", f"not asked: {error}")

"""What every check has in common: how it says what is wrong, and how long it waits."""

#: Seconds for one answer of a busy host.
TIMEOUT = 15.0


class Fault(Exception):
    """A sentence on what does not answer as it should."""

"""What hosts, and the world beyond them, say: made safe for a terminal."""


def printable(text: str, keep: str = "") -> str:
    """
    Return a text that cannot control a terminal: what others say could, and file names.

    + keep: characters that stay as they are, e.g. the ends of lines
    """
    return "".join(each if each.isprintable() or each in keep else "?" for each in text)

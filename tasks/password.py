"""Hash a password for `mail_users` (`make password`): a long random one, or one you choose."""

import argparse
import ctypes
import getpass
import secrets
import string
import sys

#: Letters and digits, without the ones that look alike.
ALPHABET = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))


class HashError(Exception):
    """This machine cannot make such a hash."""


def sha512_crypt(password: str) -> str:
    """Return a `$6$` hash: cheap to check, and as strong as any for a long random password."""
    return _crypt(password, b"$6$")


def _crypt(password: str, prefix: bytes) -> str:
    """Hash with the system's libcrypt (crypt(3), crypt_gensalt(3)): Python 3.13 has no crypt."""
    try:
        libcrypt = ctypes.CDLL("libcrypt.so.1")
    except OSError:
        raise HashError("this machine has no libcrypt; run it on a Debian machine") from None
    libcrypt.crypt_gensalt.restype = libcrypt.crypt.restype = ctypes.c_char_p
    salt = libcrypt.crypt_gensalt(prefix, ctypes.c_ulong(0), None, 0)
    digest: bytes | None = libcrypt.crypt(password.encode(), salt) if salt else None
    if not digest or not digest.startswith(prefix):
        raise HashError(f"this machine's libcrypt does not know {prefix.decode()}")
    return digest.decode()


def _chosen() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Again: "):
        raise HashError("the two are not the same; nothing was made")
    return password


def main() -> None:
    """Print a password and its hash. A password is no argument: ps(1) would show it."""
    parser = argparse.ArgumentParser(prog="make password", description=__doc__)
    parser.add_argument(
        "--choose", action="store_true", help="ask for the password, or read it from standard input"
    )
    try:
        if parser.parse_args().choose:
            digest = _crypt(_chosen(), b"$y$")  # yescrypt: each guess costs time and memory
        else:
            password = "".join(secrets.choice(ALPHABET) for _ in range(24))
            digest = sha512_crypt(password)
            print(f"password, for the user:       {password}")
    except HashError as error:
        sys.exit(str(error))
    print(f"mail_users, in the inventory: {{'NAME': {{'password_hash': '{digest}'}}}}")


if __name__ == "__main__":
    main()

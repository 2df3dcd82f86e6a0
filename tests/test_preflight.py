"""preflight.py: what is warned of before a host is touched."""

import pytest

from preflight import _password_warnings


@pytest.mark.parametrize(
    ("host_data", "sudo_asked", "keys"),
    [
        ({"ssh_user": "admin", "_sudo": True}, False, []),
        ({"_use_sudo_password": False}, False, []),
        ({"_use_sudo_password": True}, False, ["_use_sudo_password"]),
        ({"_sudo_password": "x", "_su_password": "y"}, True, ["_sudo_password", "_su_password"]),
        ({"ssh_user": "admin", "_sudo": True}, True, ["ssh_user"]),
    ],
)
def test_passwords_that_pyinfra_passes_on_are_warned_of(
    host_data: dict[str, object], sudo_asked: bool, keys: list[str]
) -> None:
    lines = _password_warnings(host_data, sudo_asked)
    assert [line.partition(":")[0] for line in lines] == keys
    for line in lines:
        assert "NOPASSWD in /etc/sudoers.d), or log in as root with a key" in line

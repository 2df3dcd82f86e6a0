"""TEMPORARY (the helper replaces it)."""

from pyinfra.api import FactBase

from facts.shell import script


class DoveadmUsers(FactBase):
    default = list

    def command(self):
        return script("! systemctl -q is-active dovecot.service || doveadm user '*'")

    def process(self, output):
        return sorted(output)


class DoveadmWho(FactBase):
    default = dict

    def command(self):
        return script("! systemctl -q is-active dovecot.service || doveadm -f tab who")

    def process(self, output):
        return {l.split("\t")[0]: {} for l in output[1:]}

"""The services of a mail host, in the order in which they start."""

from services.base import BASE
from services.dovecot import DOVECOT
from services.fail2ban import FAIL2BAN
from services.firewall import firewall
from services.journald import JOURNALD
from services.limits import LIMITS
from services.opendkim import OPENDKIM
from services.opendmarc import OPENDMARC
from services.postfix import POSTFIX
from services.postsrsd import POSTSRSD
from services.renewal import RENEWAL_PATH, RENEWAL_TIMER
from services.service import Service
from services.tls import CERTIFICATE
from services.updates import UPDATES
from services.web import WEB_SERVER

_BEHIND_THE_FIREWALL = (
    BASE,
    JOURNALD,
    CERTIFICATE,
    OPENDKIM,
    OPENDMARC,
    POSTSRSD,
    LIMITS,
    DOVECOT,
    POSTFIX,
    WEB_SERVER,
    FAIL2BAN,
    UPDATES,
    RENEWAL_TIMER,
    RENEWAL_PATH,
)
ALL: tuple[Service, ...] = (*_BEHIND_THE_FIREWALL, firewall(_BEHIND_THE_FIREWALL))

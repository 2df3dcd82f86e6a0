#!/bin/sh
# Have the host put another certificate in place now; where it can't, say what its journal says.
. ../transaction/printable.sh
began=$(date +%s)
systemctl start mailhost-certificate.service && exit
journalctl -q --no-pager -o cat --since "@$began" -t mailhost-certificate | printable >&2
exit 1

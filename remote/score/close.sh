#!/bin/sh
# End the sink and the login before the message came: close.sh UNIT USERS
systemctl stop -q "$1.service"
truncate -s 0 "$2"

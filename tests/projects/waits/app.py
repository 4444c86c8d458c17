"""Waits that were traps: for nothing at all; and one that held the whole guest up: for a peer that reads nothing."""

import select
import selectors
import socket
import threading
import time

begun = time.monotonic()
for wait in (
    lambda: select.select([], [], [], 0.05),
    lambda: select.poll().poll(50),
    lambda: selectors.SelectSelector().select(0.05),
    lambda: selectors.PollSelector().select(0.05),
    lambda: selectors.DefaultSelector().select(0.05),
):
    assert not any(wait())
assert 0.2 < time.monotonic() - begun < 5, "each has waited"

went_on = []
threading.Thread(target=lambda: went_on.append(select.select([], [], [], 0.1))).start()
select.select([], [], [], 0.3)
assert went_on, "others go on meanwhile"

listener = socket.create_server(("127.0.0.1", 0))
reader = socket.create_connection(listener.getsockname())
writer, _ = listener.accept()
poller = select.poll()
poller.register(writer, select.POLLOUT)
assert poller.poll(1000) == [(writer.fileno(), select.POLLOUT)]
writer.setblocking(False)
sent = 0
try:
    while True:
        sent += writer.send(b"a" * 65536)
except BlockingIOError:
    pass
writer.close()
print("closed")
received = 0
while piece := reader.recv(1 << 20):
    received += len(piece)
print("all of it" if received == sent else f"{received} of {sent}")

print([kind for _, kind, *_ in socket.getaddrinfo("127.0.0.1", "http", type=socket.SOCK_DGRAM)] == [socket.SOCK_DGRAM])
print(socket.getaddrinfo("::1", 80, type=socket.SOCK_STREAM)[0][4][:2], socket.getaddrinfo("localhost", b"https")[0][4])
try:
    socket.getaddrinfo("127.0.0.1", "nonsense")
except socket.gaierror:
    print("no such service")

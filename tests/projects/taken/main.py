"""What frameworks take for granted: each line says what came of one thing."""
import asyncio
import os
import select
import socket
import sys
import threading
from pathlib import Path


def connecting():
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.socket()
    client.setblocking(False)
    try:
        client.connect(listener.getsockname())
    except BlockingIOError:
        pass
    return repr(client).startswith("<socket.socket fd=")


def refused():
    client = socket.socket()
    client.setblocking(False)
    error = client.connect_ex(("127.0.0.1", 1))
    return bool(error) and "socket" in repr(client)


def pair():
    one, other = socket.socketpair()
    one.send(b"pair")
    return other.recv(4).decode()


async def from_thread():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    threading.Thread(target=lambda: loop.call_soon_threadsafe(future.set_result, 7)).start()
    return await future


def tls():
    import ssl

    # Every client makes one, also for plain HTTP.
    import urllib.request

    urllib.request.build_opener()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="example.com")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        # A record of the handshake.
        return outgoing.read(3).hex()


def process():
    import multiprocessing

    value = multiprocessing.Value("i", 3)
    with value.get_lock():
        value.value += 1
    try:
        multiprocessing.Process(target=print).start()
    except OSError as error:
        return f"{value.value} {error.strerror.partition(':')[0]}"


def users():
    import getpass
    import grp
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(0).gr_name, getpass.getuser()


def files():
    import fcntl
    import mmap
    import resource
    import termios

    with open("/tmp/file", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        termios.tcgetattr(0)
    except termios.error as error:
        return error.args[0], mmap.PAGESIZE, resource.getrlimit(resource.RLIMIT_NOFILE)


def database():
    """Both see what the other has written, although the file was empty when the second looked at it."""
    import sqlite3

    first, second = (sqlite3.connect("/tmp/fresh.db") for _ in range(2))
    first.execute("create table numbers (value)")
    first.commit()
    second.execute("insert into numbers values (1)")
    second.commit()
    first.execute("begin immediate")
    try:
        second.execute("pragma busy_timeout = 0")
        second.execute("begin immediate")
    except sqlite3.OperationalError as error:
        return first.execute("select count(*) from numbers").fetchone()[0], str(error)


def grown():
    """Who has read a file to its end goes on when there is more."""
    with open("/tmp/log", "wb", buffering=0) as log, open("/tmp/log", "rb", buffering=0) as reader:
        log.write(b"one")
        first = reader.read(), reader.read()
        log.write(b"two")
        return first, reader.read()


def polled():
    """A connection on which nobody has spoken is not readable; who waits for it lets threads go on, in a loop of its own, too."""
    one, other = socket.socketpair()
    poller = select.poll()
    poller.register(one, select.POLLIN)
    said = [poller.poll(0)]
    for wait in (lambda: poller.poll(5000), lambda: select.select([one], [], [], 5)[0]):
        threading.Timer(0, other.send, [b"x"]).start()
        said.append((len(wait()), one.recv(1)))
    return said


def zone():
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return str(datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")))


for case in (
    connecting,
    refused,
    pair,
    lambda: asyncio.run(asyncio.to_thread(lambda: 5)),
    lambda: asyncio.run(from_thread()),
    tls,
    process,
    users,
    files,
    lambda: socket.gethostbyname("localhost"),
    lambda: str(Path.home()),
    lambda: __import__("pdb").__name__,
    database,
    grown,
    polled,
    zone,
):
    print(case())
sys.stdout.write("x" * 1_000_000)
sys.stderr.write("y" * 1_000_000)

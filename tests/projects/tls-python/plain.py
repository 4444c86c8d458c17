"""Python's own clients of TLS. What it prints is the same in a guest and with any Python. `plain.py PORT`, of `serve.py threads`, and
`plain.py PORT ECHO`, of `serve.py asyncio`, too; certificates are beside it."""

import asyncio
import http.client
import pathlib
import re
import socket
import ssl
import sys
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
port, *echo = map(int, sys.argv[1:])
URL = f"https://localhost:{port}"


def trusting(*names):
    context = ssl.create_default_context()
    for name in names:
        context.load_verify_locations(HERE / name)
    return context


def said(error):
    """Without the line of `_ssl.c`."""
    return re.sub(r" \(_ssl\.c:\d+\)", "", str(error))


def fails(call):
    try:
        print("no error:", call())
    except urllib.error.URLError as error:
        print(type(error.reason).__name__, said(error.reason))
    except OSError as error:
        print(type(error).__name__, said(error))


def fetch(path="/", **options):
    with urllib.request.urlopen(f"{URL}{path}", **options) as answer:
        return answer.read()


context = trusting("ca.pem")
print(fetch(context=context).decode())
print(len(fetch("/large/3000000", context=context)))
body = bytes(range(256)) * 4000
print(fetch(data=body, context=context) == body)
fails(lambda: fetch(context=ssl.create_default_context()))
fails(lambda: fetch(context=trusting("self.pem")))
unchecked = ssl.create_default_context()
unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
print(len(fetch(context=unchecked)) > 0)


def open_socket(context, name="localhost"):
    return context.wrap_socket(socket.create_connection(("localhost", port)), server_hostname=name)


fails(lambda: open_socket(context, "other.example"))
fails(lambda: open_socket(context, "127.0.0.2"))
with open_socket(context, "127.0.0.1") as connection:
    certificate = connection.getpeercert()
    print(certificate["subject"], certificate["subjectAltName"], certificate["version"])
    print(ssl.cert_time_to_seconds(certificate["notAfter"]) > ssl.cert_time_to_seconds(certificate["notBefore"]))
    print(connection.version(), connection.cipher()[1:], connection.selected_alpn_protocol(), connection.compression())
    print(ssl.DER_cert_to_PEM_cert(connection.getpeercert(True)) == (HERE / "server.pem").read_text().strip() + "\n")
    connection.settimeout(0.05)
    fails(lambda: connection.recv(1))
    connection.setblocking(False)
    fails(lambda: connection.recv(1))
with open_socket(unchecked) as connection:
    print(connection.getpeercert(), len(connection.getpeercert(True)) > 100)

old = trusting("ca.pem")
old.maximum_version = ssl.TLSVersion.TLSv1_2
with open_socket(old) as connection:
    print(connection.version())
named = trusting("ca.pem")
named.set_alpn_protocols(["h2", "http/1.1"])
with open_socket(named) as connection:
    print(connection.selected_alpn_protocol())

client = http.client.HTTPSConnection("localhost", port, context=context)
for _ in range(3):
    client.request("GET", "/large/10")
    print(client.getresponse().read())
client.close()

# Records that lie in the session are not in the socket: what `select` is told.
with open_socket(context) as connection:
    connection.sendall(b"GET /large/50000 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    import select

    size = 0
    while select.select([connection], [], [], 5)[0]:
        piece = connection.recv(16384)
        size += len(piece)
        if not piece:
            break
    print(size > 50000)


async def lines():
    reader, writer = await asyncio.open_connection("localhost", echo[0], ssl=context)
    for word in ("one", "größe", "x" * 50000):
        writer.write(f"{word}\n".encode())
        print((await reader.readline()).decode()[:20].strip())
    print(writer.get_extra_info("peercert")["subject"][-1], writer.get_extra_info("ssl_object").version())
    writer.close()
    await writer.wait_closed()
    for wrong in (ssl.create_default_context(), trusting("self.pem")):
        try:
            await asyncio.open_connection("localhost", echo[0], ssl=wrong)
        except ssl.SSLCertVerificationError as error:
            print(error.verify_code, error.verify_message, error.reason, error.library)


if echo:
    asyncio.run(lines())

"""A name server with what the program asks for (RFC 1035, 4). `server.py PORT` prints a line when it answers."""
import socket
import struct
import sys

NAMES = {
    "_mongodb._tcp.cluster.example.com": [
        (33, struct.pack(">HHH", 0, 5, 27017) + b"\1a\7cluster\7example\3com\0"),
        (33, struct.pack(">HHH", 1, 5, 27018) + b"\1b\7cluster\7example\3com\0"),
    ],
    "cluster.example.com": [(16, b"\x19authSource=admin&ssl=true" + b"\4more")],
    "example.com": [
        (15, struct.pack(">H", 10) + b"\4mail\7example\3com\0"),
        (2, b"\2ns\7example\3com\0"),
        (257, b"\0\5issue" + b"ca.example.net"),
    ],
    "www.example.com": [(5, b"\7example\3com\0")],
    "_none._tcp.example.com": [],
}

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
while True:
    asked, client = server.recvfrom(1500)
    end = 12
    labels = []
    while asked[end]:
        labels.append(asked[end + 1 : end + 1 + asked[end]].decode())
        end += 1 + asked[end]
    end += 5
    kind = struct.unpack(">H", asked[end - 4 : end - 2])[0]
    records = NAMES.get(".".join(labels).lower())
    found = [data for of, data in records or [] if of == kind]
    head = asked[:2] + struct.pack(">HHHHH", 0x8580 | (3 if records is None else 0), 1, len(found), 0, 0)
    answers = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data for data in found)
    server.sendto(head + asked[12:end] + answers, client)

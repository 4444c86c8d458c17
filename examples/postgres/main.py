"""SQLite behind the PostgreSQL wire protocol, version 3, simple queries: enough for psql and pgbench.

The database is a file in the directory that is given as /data; without one it is in memory.
"""

import asyncio
import os
import sqlite3
import struct

PLACE = "/data/database.sqlite" if os.path.isdir("/data") else ":memory:"
# Type numbers of PostgreSQL (catalog pg_type): 64-bit integers, floats, bytes, text.
TYPES = {int: 20, float: 701, bytes: 17}
TEXT = 25
SSL, GSS = 80877103, 80877104


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def text(value):
    return value.encode() + b"\0"


def ready(database):
    return message(b"Z", b"T" if database.in_transaction else b"I")


def error(reason, state="42601"):
    return message(b"E", b"SERROR\0" + b"C" + text(state) + b"M" + text(reason) + b"\0")


def description(columns, row):
    fields = b""
    for index, column in enumerate(columns):
        kind = TYPES.get(type(row[index]), TEXT) if row else TEXT
        fields += text(column[0]) + struct.pack("!ihihih", 0, 0, kind, -1, -1, 0)
    return message(b"T", struct.pack("!h", len(columns)) + fields)


def data(row):
    body = struct.pack("!h", len(row))
    for value in row:
        if value is None:
            body += struct.pack("!i", -1)
            continue
        value = b"\\x" + value.hex().encode() if isinstance(value, bytes) else str(value).encode()
        body += struct.pack("!i", len(value)) + value
    return message(b"D", body)


def statements(query):
    """The statements of a query, as SQLite tells them apart."""
    one = ""
    for piece in query.split(";"):
        one += piece + ";"
        if sqlite3.complete_statement(one):
            if one.strip(" \r\n\t;"):
                yield one
            one = ""
    if one.strip(" \r\n\t;"):
        yield one


def run(database, statement):
    """The answer to one statement."""
    word = statement.split(None, 1)[0].upper().rstrip(";")
    if word in ("BEGIN", "START"):
        statement = "BEGIN"
    elif word in ("END",):
        statement = "COMMIT"
    elif word in ("SET", "TRUNCATE", "VACUUM"):
        statement = f"DELETE FROM {statement.split()[-1]}" if word == "TRUNCATE" else ""
    cursor = database.execute(statement)
    if cursor.description is None:
        count = max(cursor.rowcount, 0)
        tag = {"INSERT": f"INSERT 0 {count}", "UPDATE": f"UPDATE {count}", "DELETE": f"DELETE {count}"}.get(word, word)
        return message(b"C", text(tag))
    first = cursor.fetchone()
    answer = [description(cursor.description, first)]
    count = 0
    while first is not None:
        answer.append(data(first))
        count += 1
        first = cursor.fetchone()
    return b"".join(answer) + message(b"C", text(f"SELECT {count}"))


async def greet(reader, writer):
    """Until the client is let in. False when it left."""
    while True:
        (size,) = struct.unpack("!i", await reader.readexactly(4))
        body = await reader.readexactly(size - 4)
        (code,) = struct.unpack("!i", body[:4])
        if code in (SSL, GSS):
            writer.write(b"N")  # Not here; it goes on without.
            continue
        if code != 196608:
            return False
        writer.write(message(b"R", struct.pack("!i", 0)))
        for name, value in (("server_version", "16.0 (SQLite)"), ("client_encoding", "UTF8"), ("DateStyle", "ISO")):
            writer.write(message(b"S", text(name) + text(value)))
        return True


async def serve(reader, writer):
    database = sqlite3.connect(PLACE, isolation_level=None, timeout=0)
    try:
        if not await greet(reader, writer):
            return
        writer.write(ready(database))
        while True:
            kind = await reader.readexactly(1)
            (size,) = struct.unpack("!i", await reader.readexactly(4))
            body = await reader.readexactly(size - 4)
            if kind == b"X":
                return
            if kind != b"Q":
                writer.write(error("only simple queries are understood", "0A000"))
            else:
                query = body[:-1].decode()
                try:
                    answered = False
                    for statement in statements(query):
                        writer.write(run(database, statement))
                        answered = True
                    if not answered:
                        writer.write(message(b"I"))
                except sqlite3.Error as reason:
                    writer.write(error(str(reason)))
            writer.write(ready(database))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        database.close()
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", 5432)
    async with server:
        await server.serve_forever()


asyncio.run(main())

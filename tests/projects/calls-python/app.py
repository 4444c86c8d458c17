"""Uses the servers that its variables name, as any program does that knows nothing of wasmrun."""

import os
from urllib.parse import urlsplit

place = urlsplit(os.environ.get("DATABASE_URL", ""))
if place.scheme == "mysql":
    import mariadb

    mariadb.use(place)

if place.scheme == "postgresql":
    import pg8000.dbapi

    database = pg8000.dbapi.connect(place.username, place.hostname, place.path[1:], place.port, place.password)
    cursor = database.cursor()
    cursor.execute("create table notes (id serial primary key, text text)")
    cursor.executemany("insert into notes (text) values (%s)", [(f"note {n}",) for n in range(100)])
    database.commit()
    cursor.execute("select count(*), max(text) from notes")
    print(*cursor.fetchone())
    cursor.execute("select repeat('x', 3000000)")
    print(len(cursor.fetchone()[0]))
    database.close()

if url := os.environ.get("REDIS_URL"):
    import redis

    client = redis.from_url(url, decode_responses=True)
    client.set("greeting", "hello")
    pipeline = client.pipeline()
    for _ in range(1000):
        pipeline.incr("count")
    print(client.get("greeting"), pipeline.execute()[-1])
    subscriber = client.pubsub()
    subscriber.subscribe("news")
    assert subscriber.get_message(timeout=5)["type"] == "subscribe"
    client.publish("news", "published")
    print(subscriber.get_message(timeout=5)["data"])
    client.set("large", "y" * 3_000_000)
    print(len(client.get("large")))

if url := os.environ.get("WEB_URL"):
    import web

    web.use(url)

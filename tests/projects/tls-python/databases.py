"""Databases by TLS, each by the URL that its variable has; the authority is the run's."""

import os
import ssl
from urllib.parse import urlsplit

context = ssl.create_default_context()
place = urlsplit(os.environ.get("DATABASE_URL", ""))
if place.scheme == "postgresql":
    import pg8000.dbapi

    named = dict(user=place.username, host=place.hostname, database=place.path[1:], port=place.port, password=place.password)
    database = pg8000.dbapi.connect(**named, ssl_context=context)
    cursor = database.cursor()
    cursor.execute("select version, bits from pg_stat_ssl where pid = pg_backend_pid()")
    print(*cursor.fetchone())
    cursor.execute("select repeat('x', 3000000)")
    print(len(cursor.fetchone()[0]))
    database.close()

if place.scheme == "mysql":
    import pymysql

    named = dict(host=place.hostname, port=place.port, user=place.username, password=place.password, database=place.path[1:])
    database = pymysql.connect(**named, ssl=context)
    with database.cursor() as cursor:
        cursor.execute("show status like 'ssl_version'")
        print(*cursor.fetchone())
        cursor.execute("select repeat('x', 3000000)")
        print(len(cursor.fetchone()[0]))
    database.close()

if url := os.environ.get("REDIS_URL"):
    import redis

    client = redis.from_url(url, decode_responses=True, ssl_ca_certs=os.environ["AUTHORITY"])
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

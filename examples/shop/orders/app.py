import os
from urllib.parse import urlsplit

import pg8000.native
from flask import Flask, jsonify, request

app = Flask(__name__)
url = urlsplit(os.environ["DATABASE_URL"])


def database():
    connection = pg8000.native.Connection(
        url.username, host=url.hostname, port=url.port, password=url.password, database=url.path[1:]
    )
    connection.run("CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, item text NOT NULL)")
    return connection


@app.get("/orders")
def orders():
    with database() as connection:
        rows = connection.run("SELECT id, item FROM orders ORDER BY id")
    return jsonify([{"id": id, "item": item} for id, item in rows])


@app.post("/orders")
def order():
    item = request.get_json()["item"]
    with database() as connection:
        [[id]] = connection.run("INSERT INTO orders (item) VALUES (:item) RETURNING id", item=item)
    return jsonify({"id": id, "item": item}), 201


if __name__ == "__main__":
    app.run(port=5000)

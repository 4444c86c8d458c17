"""Uses MariaDB."""

import pymysql


def use(place):
    settings = dict(
        host=place.hostname, port=place.port, user=place.username, password=place.password, database=place.path[1:]
    )
    database = pymysql.connect(**settings)
    with database.cursor() as cursor:
        cursor.execute(
            "create table notes (id int auto_increment primary key, text varchar(99), data mediumblob)"
            " character set utf8mb4"
        )
        cursor.executemany("insert into notes (text) values (%s)", [(f"größe {n} 🦀",) for n in range(100)])
        blob = bytes(range(256)) * 4096
        cursor.execute("insert into notes (text, data) values (%s, %s)", ("it's", blob))
    database.commit()
    with database.cursor() as cursor:
        cursor.execute("delete from notes")
    database.rollback()
    with database.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute("select count(*) as count, max(text) as last from notes where id <= %s", (100,))
        print(cursor.fetchone())
        cursor.execute("select text, data from notes where data is not null")
        row = cursor.fetchone()
        print(row["text"], row["data"] == blob)
        try:
            cursor.execute("select nothing")
        except pymysql.OperationalError as error:
            print(error.args[0])
    database.close()
    try:
        pymysql.connect(**{**settings, "password": "wrong"})
    except pymysql.OperationalError as error:
        print(error.args[0])

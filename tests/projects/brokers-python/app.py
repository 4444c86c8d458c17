"""A broker, a message bus, an object store and a mail server, each by TLS with the clients that people use."""

import asyncio
import os
import smtplib
import ssl

import boto3
import nats
import paho.mqtt.client as mqtt

MQTT, NATS, S3, SMTP = (int(os.environ[name].rpartition(":")[2]) for name in ("MQTT", "NATS", "S3", "SMTP"))
AUTHORITY = os.environ["AUTHORITY"]
context = ssl.create_default_context(cadata=AUTHORITY)


def broker():
    got = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.tls_set_context(context)
    client.on_connect = lambda client, *_: client.subscribe("topic/#")
    client.on_subscribe = lambda client, *_: client.publish("topic/a", "hello", qos=1)

    def on_message(client, _, message):
        got.append((message.topic, message.payload))
        client.disconnect()

    client.on_message = on_message
    client.connect("localhost", MQTT)
    client.loop_forever()
    return got


async def bus():
    connection = await nats.connect(f"tls://localhost:{NATS}", tls=context)

    async def answer(message):
        await message.respond(message.data.upper())

    await connection.subscribe("upper", cb=answer)
    reply = await connection.request("upper", b"hello", timeout=5)
    await connection.close()
    return reply.data


def store():
    with open("/tmp/ca.pem", "w") as file:
        file.write(AUTHORITY)
    names = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.client("s3", endpoint_url=f"https://localhost:{S3}", verify="/tmp/ca.pem", **names)
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="key", Body=b"x" * 2_000_000)
    return len(client.get_object(Bucket="bucket", Key="key")["Body"].read())


def mail():
    with smtplib.SMTP("localhost", SMTP) as server:
        server.starttls(context=context)
        return server.sendmail("a@example.org", ["b@example.org"], "Subject: hello\n\n" + "body\n" * 1000)


print(broker())
print(asyncio.run(bus()))
print(store())
print(mail())

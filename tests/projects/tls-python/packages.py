"""Clients that packages bring. `packages.py PORT`, of `serve.py threads`; the certificate is beside it, and among those that the run trusts."""

import asyncio
import pathlib
import ssl
import sys

import aiohttp
import httpx
import requests
import urllib3

HERE = pathlib.Path(__file__).parent
URL = f"https://localhost:{sys.argv[1]}"
AUTHORITY = str(HERE / "ca.pem")

# By the roots of the run: certifi's file counts as them.
print("requests", requests.get(f"{URL}/large/10").text, requests.get(URL, verify=AUTHORITY).json()["version"])
with requests.Session() as session:
    print(*(len(session.get(f"{URL}/large/{size}").content) for size in (1, 1000, 3_000_000)))
print(requests.post(URL, data=b"y" * 100_000).content == b"y" * 100_000)
try:
    requests.get(URL, verify=str(HERE / "self.pem"))
except requests.exceptions.SSLError as error:
    print("CERTIFICATE_VERIFY_FAILED" in str(error))
urllib3.disable_warnings()
print(requests.get(f"{URL}/large/5", verify=False).text)

pool = urllib3.PoolManager(ca_certs=AUTHORITY)
print("urllib3", *(pool.request("GET", f"{URL}/large/3").data.decode() for _ in range(3)))
try:
    urllib3.PoolManager(ca_certs=str(HERE / "self.pem"), retries=False).request("GET", URL)
except urllib3.exceptions.SSLError as error:
    print("self-signed" in str(error) or "local issuer" in str(error))

with httpx.Client() as client:
    print("httpx", client.get(f"{URL}/large/3").text, client.get(URL).json()["alpn"])
with httpx.Client(verify=ssl.create_default_context(cafile=AUTHORITY)) as client:
    print(len(client.get(f"{URL}/large/2000000").content))
try:
    httpx.get(URL, verify=ssl.create_default_context(cafile=str(HERE / "self.pem")))
except httpx.ConnectError as error:
    print("CERTIFICATE_VERIFY_FAILED" in str(error))


async def asynchronous():
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{URL}/large/2000000") as answer:
            print("aiohttp", len(await answer.read()))
        async with session.get(URL, ssl=ssl.create_default_context(cafile=AUTHORITY)) as answer:
            print((await answer.json(content_type=None))["version"])
        try:
            await session.get(URL, ssl=ssl.create_default_context(cafile=str(HERE / "self.pem")))
        except aiohttp.ClientConnectorCertificateError as error:
            print(type(error).__name__)
    async with httpx.AsyncClient() as client:
        print("httpx", (await client.get(f"{URL}/large/7")).text)


asyncio.run(asynchronous())

"""Fetches from a web server; it says how many requests a connection had, so that kept ones are seen."""

import httpx
import requests
import urllib3


def use(url):
    with requests.Session() as session:
        answer = session.get(f"{url}/hello.txt")
        print("requests", answer.status_code, answer.content.decode(), end="")
        print(*(session.get(f"{url}/uses").text for _ in range(3)))
        answer = session.get(f"{url}/lines.txt")
        print(answer.headers["content-encoding"], len(answer.text))
        answer = session.get(f"{url}/moved")
        print(answer.history[0].status_code, answer.url.removeprefix(url))
        answer = session.get(f"{url}/digits.bin", headers={"range": "bytes=6-11"})
        print(answer.status_code, answer.headers["content-range"], answer.text)
        try:
            session.get(f"{url}/nothing").raise_for_status()
        except requests.HTTPError as error:
            print(error.response.status_code)
        with session.get(f"{url}/large.bin", stream=True) as answer:
            print(sum(len(piece) for piece in answer.iter_content(65536)))

    pool = urllib3.PoolManager()
    print("urllib3", *(pool.request("GET", f"{url}/uses").data.decode() for _ in range(3)))
    answer = pool.request("GET", f"{url}/lines.txt", headers={"accept-encoding": "gzip"})
    print(answer.headers["content-encoding"], len(answer.data))

    with httpx.Client(base_url=url) as client:
        print("httpx", client.get("/hello.txt").text, end="")
        print(*(client.get("/uses").text for _ in range(3)))
        answer = client.get("/lines.txt")
        print(answer.headers["content-encoding"], len(answer.text))
        answer = client.get("/moved", follow_redirects=True)
        print(answer.history[0].status_code, answer.url.path)
        answer = client.get("/digits.bin", headers={"range": "bytes=6-11"})
        print(answer.status_code, answer.headers["content-range"], answer.text)
        print(client.get("/nothing").status_code)
        with client.stream("GET", "/large.bin") as answer:
            print(sum(len(piece) for piece in answer.iter_bytes()))

    try:
        requests.get("http://other.example.com/")
    except requests.ConnectionError as error:
        print(type(error).__name__)

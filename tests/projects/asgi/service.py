import asyncio

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles


async def home(request):
    return JSONResponse({"from": "starlette"})


def without_await(request):
    return PlainTextResponse("synchronous")


async def slow(request):
    await asyncio.sleep(2)
    return PlainTextResponse("slow")


async def stream(request):
    async def pieces():
        for number in range(3):
            yield f"{number}\n"
            await asyncio.sleep(0.05)

    return StreamingResponse(pieces())


app = Starlette(
    routes=[
        Route("/", home),
        Route("/sync", without_await),
        Route("/slow", slow),
        Route("/stream", stream),
        Mount("/static", StaticFiles(directory="static")),
    ]
)

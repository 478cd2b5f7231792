"""The lower bound: an aiohttp handler that answers 1 kB of JSON. Prints its port and runs until it is stopped."""

import asyncio
import json

import uvloop
from aiohttp import web

ANSWER = json.dumps({"success": True, "data": {"text": "x" * 960}}).encode()


async def _answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=ANSWER, content_type="application/json")


async def _serve() -> None:
    app = web.Application()
    app.router.add_post("/", _answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve())

"""JSON answers, errors among them: a code and a sentence, never a trace, never what somebody sent."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
COMPRESS_FROM = 1_024  # bytes
STORE_AWAY = (RedisError, OSError, TimeoutError, asyncio.TimeoutError)


class Refused(Exception):
    """A request that cannot be answered, and why."""

    def __init__(self, status: int, error: str, says: str) -> None:
        super().__init__(error)
        self.status, self.error, self.says = status, error, says


def answer(value: Any, status: int = 200) -> web.Response:
    """Any value as JSON."""
    return body(orjson.dumps(value), status)


def body(text: bytes, status: int = 200) -> web.Response:
    """JSON that is written already."""
    response = web.Response(
        body=text, status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
    if len(text) >= COMPRESS_FROM:
        response.enable_compression()
    return response


def refusal(status: int, error: str, says: str) -> web.Response:
    """An error."""
    return answer({"error": error, "says": says}, status)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What goes wrong becomes an answer."""
    try:
        return await handler(request)
    except Refused as refused:
        return refusal(refused.status, refused.error, refused.says)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        codes = {404: "not_found", 405: "not_allowed"}
        return refusal(error.status, codes.get(error.status, "bad_request"), error.reason)
    except ConnectionResetError:
        raise  # the page went away
    except STORE_AWAY as error:
        log.warning("%s: the store does not answer: %s", _route(request), type(error).__name__)
        return refusal(503, "store_down", "the store does not answer")
    except Exception as error:
        log.exception("%s: %s", _route(request), type(error).__name__)
        return refusal(500, "internal", "this is a fault of the console; its log says more")


def _route(request: web.Request) -> str:
    """Without what was asked for: that may be a customer."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown route"

"""Who may look: everybody on this machine, elsewhere those who know the token; and what browsers are told.

Without a token the console answers only on loopback, and only to requests that name it so: a page from
elsewhere could otherwise reach it through a host name of its own that points at 127.0.0.1.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from aiohttp import web

from streams.config import Config, ConfigError
from streams.console.answers import refusal

COOKIE = "profilestream_console"
OPEN = ("/login", "/healthz")  # asked without knowing anything
WRONG_S = 0.3  # a wrong token is answered so late
_ADDRESS = re.compile(r"\[?(?P<host>[^\[\]\s/]*?)\]?:(?P<port>\d{1,5})")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def address(config: Config) -> tuple[str, int]:
    """Host and port to answer on.

    Raises:
        ConfigError: it is no address, or beyond loopback without a token.
    """
    found = _ADDRESS.fullmatch(config.console)
    if not found or int(found["port"]) > 65_535:
        raise ConfigError(f"console must be like 127.0.0.1:8080, not '{config.console}'")
    host = found["host"] or "0.0.0.0"  # noqa: S104 - ":8080" says just that
    if not is_loopback(host) and not config.console_token:
        raise ConfigError(
            f"the console would show customers to whoever reaches {config.console}: set console_token "
            "(PROFILESTREAM_CONSOLE_TOKEN), or answer on 127.0.0.1"
        )
    return host, int(found["port"])


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Lets requests through.

    Args:
        token: what is asked for; "" = nothing, of those who are on this machine.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        # The cookie proves the token without holding it.
        self._proof = hmac.new(token.encode(), b"profilestream console", hashlib.sha256).hexdigest()

    def allows(self, request: web.Request) -> bool:
        """Whether a request may be answered."""
        if not self._token:
            return is_loopback(_host(request))
        kind, _, said = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.knows(said.strip())
        return _same(request.cookies.get(COOKIE, ""), self._proof)

    def knows(self, said: str) -> bool:
        """Whether that is the token."""
        return _same(said, self._token)

    async def login(self, request: web.Request) -> web.StreamResponse:
        """`/login?token=T`: leaves a cookie and leads to the page."""
        if self._token and not self.knows(request.query.get("token", "")):
            await asyncio.sleep(WRONG_S)
            return refusal(401, "unauthorised", "the token is another one")
        response = web.Response(status=303, headers={"Location": "/", "Cache-Control": "no-store"})
        if self._token:
            response.set_cookie(
                COOKIE, self._proof, httponly=True, samesite="Strict", secure=request.secure, path="/"
            )
        return response

    @web.middleware
    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuses, or answers with what browsers must know."""
        if request.path not in OPEN and not self.allows(request):
            code = 401 if self._token else 403
            says = (
                "Authorization: Bearer TOKEN, or /login?token=TOKEN"
                if self._token
                else "ask for it by 127.0.0.1"
            )
            response: web.StreamResponse = refusal(code, "unauthorised" if self._token else "forbidden", says)
        else:
            response = await handler(request)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response


def _host(request: web.Request) -> str:
    """The name by which it was asked for, without the port."""
    host = request.host
    return host.partition("]")[0].lstrip("[") if host.startswith("[") else host.rpartition(":")[0] or host


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))

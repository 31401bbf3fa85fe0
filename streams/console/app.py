"""The console's process: its parts, its routes, and their order of starting and stopping."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

from aiohttp import web

from models import lifecycle
from models.rfm import SEGMENTS
from streams.config import Config
from streams.console import letters, segments, tagpage
from streams.console.answers import STORE_AWAY, Refused, answer, errors
from streams.console.customer import Customers
from streams.console.feed import MOST_ANSWERED, Feed
from streams.console.guard import HEADERS, Guard
from streams.console.hub import Full, Hub, event
from streams.console.known import Known, client
from streams.console.live import Sampler, away
from streams.console.moves import DIRECTIONS, MovesReader
from streams.console.pages import ROOT, Pages
from streams.console.past import SPANS, Past
from streams.console.prometheus import PrometheusPast
from streams.console.recorder import Recorder
from streams.console.survey import Survey
from streams.logs import name_of_process
from streams.metrics.declared import CONSOLE
from streams.metrics.server import bind
from streams.metrics.service import Service
from streams.metrics.sheet import Sheet

log = logging.getLogger(__name__)
FIRST_SURVEY_S = 5.0  # a page waits so long for the first survey
LONGEST_PARAMETER = 128
CANCEL_S = 0.5  # a client may turn the request to end into an error of its own: then it is asked again
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Parts:
    """The parts of a console, wired. Nothing is connected until `application` starts.

    Args:
        config: all settings.
        root: folder of the page.
    """

    def __init__(self, config: Config, root: Path = ROOT) -> None:
        self.config = config
        self.client = client(config)
        self.hub = Hub()
        self.known = Known(config)
        self.survey = Survey(self.client, config.buckets, lambda: len(self.hub) > 0)
        self.recorder = Recorder(config, self.client)
        self.past = Past(self.client, lambda: self.recorder.lease.is_held)
        self.sampler = Sampler(
            config, self.client, self.known, self.hub, self.survey.profiles, self.past.keep
        )
        self.feed = Feed(self.client, self.hub)
        self.moves = MovesReader(self.client)
        self.customers = Customers(self.client, self.known)
        self.prometheus = PrometheusPast(config.prometheus_url) if config.prometheus_url else None
        self.pages = Pages(root)
        self.guard = Guard(config.console_token)
        self.requests: Counter[tuple[str, int]] = Counter()
        self.service = Service(
            CONSOLE,
            name_of_process(),
            redis_url=config.redis_url,
            taken=bind(config.metrics),
            fill=self._fill,
        )

    def _fill(self, sheet: Sheet) -> None:
        for (route, status), n in self.requests.items():
            sheet.put("console_requests_total", n, route, str(status))
        sheet.put("console_streams", len(self.hub))

    def application(self) -> web.Application:
        """To be served; starts and stops the parts."""
        app = web.Application(middlewares=[self._count, self.guard.__call__, errors])
        get = web.get
        app.add_routes([
            get("/", self.pages.index), get("/login", self.guard.login), get("/healthz", self._healthz),
            get("/static/{path:.+}", self.pages.static),
            get("/api/meta", self._meta), get("/api/live", self._live), get("/api/stream", self._stream),
            get("/api/history", self._history), get("/api/segments", self._segments),
            get("/api/customers", self._customers), get("/api/customer/{id:.+}", self._customer),
            get("/api/customer", self._customer),  # ?id=: no path leads to "." and ".."
            get("/api/tag-changes", self._tag_changes), get("/api/tags/{tag}", self._tag),
            get("/api/dead-letters", self._dead_letters),
        ])  # fmt: skip
        app.cleanup_ctx.append(self._running)
        app.on_shutdown.append(self._let_go)
        return app

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        parts = (
            self.sampler.run, self.feed.run, self.survey.run, self.recorder.run, self.service.run
        )  # fmt: skip
        tasks = [asyncio.create_task(_or_log(part)) for part in parts]
        yield
        while under_way := [task for task in tasks if not task.done()]:
            for task in under_way:
                task.cancel()
            await asyncio.wait(under_way, timeout=CANCEL_S)
        await self.client.aclose()

    async def _let_go(self, _: web.Application) -> None:
        """Open pages would hold the process up."""
        self.hub.close()

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "other"
        self.requests[route, response.status] += 1
        return response

    async def _healthz(self, _: web.Request) -> web.Response:
        return answer({"alive": True})

    async def _meta(self, _: web.Request) -> web.Response:
        config, rules = self.config, self.known.rules
        return answer({
            "version": version("profilestream"),
            "currency": config.currency,
            "zone": config.zone,
            "clock": config.clock,
            "lag_slo_s": config.lag_slo_s,
            "buckets": config.buckets,
            "history": config.history,
            "tags": [tagpage.about(tag) for tag in rules.catalogue.tags],
            "stages": list(lifecycle.VOCABULARIES[config.lifecycle].stages()),
            "segments": list(dict.fromkeys(name for row in SEGMENTS for name in row)),
            "languages": ["en", "zh"],
        })  # fmt: skip

    async def _live(self, _: web.Request) -> web.Response:
        self.survey.asked()
        await self._store_must_be_up()
        return answer(self.sampler.live)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                **HEADERS,
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        try:
            with self.hub.page() as page:
                await response.prepare(request)
                await response.write(b"retry: 2000\n\n" + event("live", self.sampler.live or away()))
                async for some in page.messages():
                    self.survey.asked()  # an open page shows how many customers there are
                    await response.write(some)
        except Full:
            raise Refused(503, "too_many_pages", "too many pages are open") from None
        except ConnectionResetError:
            pass  # the page was closed
        except asyncio.CancelledError:
            if request.transport is not None:
                request.transport.abort()  # what waits for a browser that takes nothing must not wait on
            raise
        return response

    async def _history(self, request: web.Request) -> web.Response:
        span = request.query.get("span", "1h")
        if span not in SPANS:
            raise Refused(400, "bad_query", f"span is one of {', '.join(SPANS)}")
        found = await self.prometheus.read(span) if self.prometheus is not None else None
        return answer(found or await self.past.read(span))

    async def _segments(self, _: web.Request) -> web.Response:
        tally = self.survey.asked()
        if tally is None:
            tally = await self.survey.first(FIRST_SURVEY_S)
        await self._store_must_be_up()
        if tally is None:
            raise Refused(503, "not_yet", "the first survey is still being made")
        day, chart = await self.moves.day(), await self.moves.chart()
        return answer(segments.page(tally, day, chart, self.known.rules))

    async def _customers(self, request: web.Request) -> web.Response:
        return answer(await self.customers.find(request.query.get("q", "")))

    async def _customer(self, request: web.Request) -> web.Response:
        return answer(await self.customers.show(request.match_info.get("id") or request.query.get("id", "")))

    async def _tag_changes(self, request: web.Request) -> web.Response:
        asked = {
            name: request.query.get(name, "")[:LONGEST_PARAMETER] for name in ("tag", "value", "direction")
        }
        limit = request.query.get("limit", "100")
        if (
            asked["direction"] not in ("", *DIRECTIONS)
            or not limit.isascii()
            or not limit.isdigit()
            or len(limit) > 6
        ):
            raise Refused(
                400,
                "bad_query",
                f"direction is one of {', '.join(DIRECTIONS)}; limit is 1 to {MOST_ANSWERED}",
            )
        await self._store_must_be_up()
        return answer(self.feed.find(**asked, limit=int(limit)))

    async def _tag(self, request: web.Request) -> web.Response:
        tag, catalogue = request.match_info["tag"], self.known.rules.catalogue
        if tag not in catalogue.by_id:
            raise Refused(404, "unknown", "there is no such tag in the catalogue")
        precision = await tagpage.precision(self.config, tag)
        day, chart = await self.moves.day(), await self.moves.chart()
        is_wall = self.config.clock == "wall"
        return answer(
            tagpage.page(
                catalogue.by_id[tag], self.survey.asked(), day, chart, precision=precision, is_wall=is_wall
            )
        )

    async def _dead_letters(self, _: web.Request) -> web.Response:
        return answer(await letters.page(self.client))

    async def _store_must_be_up(self) -> None:
        """For what is answered out of memory: while the store is away it is not true any more."""
        await self.sampler.first()
        if not self.sampler.store_up:
            raise Refused(503, "store_down", "the store does not answer")


async def _or_log(run: Callable[[], Awaitable[None]]) -> None:
    """A part that fails is a fault of ours; it is said, and begins again."""
    while True:
        try:
            await run()
        except STORE_AWAY as error:
            log.warning("%s: %s", run.__qualname__, type(error).__name__)
        except Exception as error:
            log.exception("%s failed: %s", run.__qualname__, type(error).__name__)
        await asyncio.sleep(1.0)

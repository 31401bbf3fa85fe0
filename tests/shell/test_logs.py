"""A log line has what is needed to find a fault, and nothing of customers or secrets."""

import logging
import subprocess
import sys
from collections.abc import Callable

import orjson
import pytest

from models.codec import CodecError
from streams.config import Config
from streams.logs import BLOT, JsonLines, Lines, name_of_process, redaction, secrets_of
from streams.store.contract import StoreError

CONFIG = Config(
    redis_url="redis://worker:hunter%21222@store:6379/0", console_token="tok-0123456789", privacy_key="k" * 16
)
redact = redaction(secrets_of(CONFIG))


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    trace = (type(error), error, error.__traceback__) if error is not None else None
    return logging.LogRecord("streams.x", logging.WARNING, __file__, 1, message, args, trace)  # type: ignore[arg-type]


def raised(make: Callable[[], object]) -> BaseException:
    try:
        make()
    except Exception as error:
        return error
    raise AssertionError


def line(*args: object, error: BaseException | None = None) -> dict[str, object]:
    text = JsonLines(redact, "worker", "w-1").format(record(*args, error=error))  # type: ignore[arg-type]
    assert "\n" not in text
    return orjson.loads(text)  # type: ignore[no-any-return]


def test_a_line_is_one_object_with_who_when_and_what() -> None:
    found = line("%d partitions\nof %s", 3, "topics")
    at = found.pop("ts")
    assert isinstance(at, str)
    assert at.endswith("Z")
    assert found == {"level": "warning", "logger": "streams.x", "message": "3 partitions\nof topics",
                     "role": "worker", "name": "w-1"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at redis://worker:hunter%21222@store:6379/0", f"at redis://{BLOT}@store:6379/0"),
        ("at https://u:p/w@d@host/x", "at https://u:p/w@d@host/x"),  # a slash ends what can hold a password
        ("at rediss://:p%40ss@h:1", f"at rediss://{BLOT}@h:1"),
        ("password is hunter!222, really", f"password is {BLOT}, really"),
        ("Authorization: Bearer abc.def-123", f"Authorization: Bearer {BLOT}"),
        ("GET /login?token=abc123&x=1", f"GET /login?token={BLOT}&x=1"),
        ('{"console_token": "abc"}', f'{{"console_token": {BLOT}"}}'),
        ("PROFILESTREAM_PRIVACY_KEY kkkkkkkkkkkkkkkk", f"PROFILESTREAM_PRIVACY_KEY {BLOT}"),
        ("tok-0123456789", BLOT),
        ("stale tokens: 3 of 5 writes", f"stale tokens: 3 of 5 writes"),  # noqa: F541 - as it is
        ("http://127.0.0.1:9400/metrics", "http://127.0.0.1:9400/metrics"),
    ],
)
def test_secrets_are_blotted_out(text: str, shown: str) -> None:
    assert line("%s", text)["message"] == shown
    assert Lines(redact).format(record("%s", text)).endswith(f"WARNING streams.x: {shown}")


@pytest.mark.parametrize("form", [Lines(redact), JsonLines(redact, "worker", "w")])
def test_of_an_exception_of_others_only_the_type_is_shown_and_ours_speaks(form: logging.Formatter) -> None:
    def foreign() -> None:
        {}["customer-zqx"]

    def ours() -> None:
        try:
            foreign()
        except KeyError as error:
            raise StoreError("the store does not answer") from error

    text = form.format(record("the worker stops", error=raised(ours)))
    assert "zqx" not in text
    assert text.index("KeyError") < text.index("StoreError: the store does not answer")
    assert "test_logs.py" in text
    assert "in foreign" in text
    text = form.format(record("crashed: %r", raised(foreign)))
    assert "zqx" not in text
    assert "crashed: KeyError" in text or "crashed: 'KeyError'" in text


def test_json_names_the_last_exception_of_the_chain() -> None:
    def fail() -> None:
        try:
            raise ValueError("zqx")
        except ValueError:
            raise CodecError("schema 9 is not known") from None

    found = line("no", error=raised(fail))
    assert found["exception"] == "CodecError"
    assert str(found["trace"]).count("CodecError: schema 9 is not known") == 1
    assert "ValueError" not in str(found["trace"])  # `from None` said so


def test_an_argument_that_is_no_exception_is_left_alone() -> None:
    assert line("%(a)s and %(b)s", {"a": 1, "b": 2})["message"] == "1 and 2"
    assert line("100 %")["message"] == "100 %"


SCRIPT = """
import logging, sys, threading, warnings
from streams import logs
from streams.config import Config
logs.set_up(Config(log_format=sys.argv[1], log_level="info"), "worker", ("noisy",))
logging.getLogger("noisy").info("not shown")
logging.getLogger("noisy").warning("shown")
logging.getLogger("a").debug("not shown")
thread = threading.Thread(target=lambda: {}["zqx"])
thread.start(); thread.join()
class Leaving:
    def __del__(self):
        raise OSError("zqx")
del (leaving := [Leaving()])[0]
warnings.warn("zqx", UserWarning)
logs.last_words("the end")
raise ValueError("zqx")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_whatever_ends_the_process_is_written_in_the_same_form(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, form], capture_output=True, text=True, check=False, timeout=100
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "zqx" not in done.stderr
    assert "not shown" not in done.stderr
    if form == "json":
        found = [orjson.loads(one) for one in done.stderr.splitlines()]
        assert [(one["level"], one["message"], one.get("exception")) for one in found] == [
            ("warning", "shown", None),
            ("critical", "ended: KeyError", "KeyError"),
            ("error", "not caught: OSError", "OSError"),
            ("warning", "UserWarning at <string>:15", None),
            ("error", "the end", None),
            ("critical", "ended: ValueError", "ValueError"),
        ]
        assert {one["role"] for one in found} == {"worker"}
        assert name_of_process().rpartition("-")[0] in found[0]["name"]
    else:
        assert "\nprofilestream: the end\n" in done.stderr
        assert "CRITICAL profilestream: ended: ValueError" in done.stderr

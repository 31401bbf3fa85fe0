"""Tickets, contacts and answers by hand."""

from typing import Any

from builders import DAY, HOUR, T0, document_at, fold, order, service

from models.scores import KEPT as ANSWERS
from models.scores import Scores
from models.tickets import KEPT, Tickets


def section(name: str, *events: dict[str, Any], at_ms: int = T0 + 30 * DAY) -> dict[str, Any]:
    found: dict[str, Any] = document_at(fold(events)[0], at_ms)[name]
    return found


def opened(ticket: str, at: int) -> dict[str, Any]:
    return service(at, "ticket_opened", ticket_id=ticket)


def resolved(ticket: str, at: int) -> dict[str, Any]:
    return service(at, "ticket_resolved", ticket_id=ticket)


def test_an_open_ticket_has_an_age_and_a_closed_one_a_duration() -> None:
    found = section("service", opened("a", T0), resolved("a", T0 + 6 * HOUR), opened("b", T0 + DAY))
    assert (found["open_tickets"], found["oldest_open_ticket_days"]) == (1, 29.0)
    assert (found["resolved_tickets"], found["resolve_mean_hours"]) == (1, 6.0)


def test_a_ticket_opened_again_is_open_and_counts_from_its_first_opening() -> None:
    again = [opened("a", T0), resolved("a", T0 + HOUR), opened("a", T0 + DAY)]
    assert section("service", *again)["oldest_open_ticket_at"] == "2023-11-15T00:00:00.000Z"
    closed = section("service", *again, resolved("a", T0 + 2 * DAY))
    assert (closed["open_tickets"], closed["resolve_mean_hours"]) == (0, 48.0)


def test_a_resolution_before_its_opening_arrives_waits_for_it() -> None:
    found = section("service", resolved("a", T0 + HOUR), opened("a", T0))
    assert (found["open_tickets"], found["resolved_tickets"]) == (0, 1)
    assert "resolved_tickets" not in section("service", resolved("a", T0 + HOUR))


def test_repeated_contacts_and_the_share_that_came_back() -> None:
    found = section(
        "service",
        order("o1", T0, 1), order("o2", T0, 1),
        service(T0, "return"), service(T0 + 7 * DAY, "complaint"), service(T0 + 15 * DAY, "complaint"),
        service(T0 + 16 * DAY, "delivered"),
    )  # fmt: skip
    assert (found["contacts"], found["repeat_contacts"], found["return_ratio"]) == (3, 1, 0.5)


def test_answers_are_brought_to_one_scale() -> None:
    found = section(
        "satisfaction",
        service(T0, "csat", score=4), service(T0 + 1, "csat", score=70, scale=100),
        service(T0 + 2, "nps", score=9), service(T0 + 3, "nps", score=6), service(T0 + 4, "nps", score=11),
        service(T0 + 5, "feedback", sentiment=-0.5), service(T0 + 6, "feedback", sentiment=7),
    )  # fmt: skip
    assert found == {
        "csat_n": 2, "csat_mean": 0.75, "csat_last": 0.7, "csat_trend": -0.1,
        "nps_n": 2, "nps_mean": 7.5, "nps_last": 6.0, "nps_trend": -3.0,
        "sentiment_n": 1, "sentiment_mean": -0.5, "sentiment_last": -0.5,
    }  # fmt: skip


def test_who_was_never_asked_has_no_satisfaction() -> None:
    state, _ = fold([service(T0, "complaint"), service(T0, "csat", score=9)])
    assert "satisfaction" not in document_at(state, T0)


def test_resolved_tickets_are_forgotten_first_and_still_count() -> None:
    tickets = Tickets()
    tickets.opened(1, T0)
    for key in range(2, KEPT + 5):
        tickets.opened(key, T0 + key)
        tickets.resolved(key, T0 + key + 10)
    assert len(tickets.tickets) == KEPT
    assert tickets.open() == [T0]
    assert tickets.closed() == (KEPT + 3, (KEPT + 3) * 10)


def test_the_trend_looks_at_the_latest_answers_only() -> None:
    scores = Scores()
    for n in range(20):
        scores.add(n, 1.0 if n < 20 - ANSWERS else 0.5)
    assert (scores.trend, scores.n, scores.last) == (0.0, 20, 0.5)

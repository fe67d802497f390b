"""The promised limit, the metrics and the log of a running portal."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.portal import Person, Portal, own_database, portal_running

pytestmark = pytest.mark.integration
SECRET = "the secret of the scraper"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Portal]:
    """A portal with the limit that installations have."""
    own = {"SDWEB_RATE_LIMIT": "", "SDWEB_LOG_FORMAT": "json", "SDWEB_METRICS_TOKEN": SECRET}
    with (
        own_database() as database,
        portal_running(
            tmp_path_factory.mktemp("limited"), models=models, settings={**database, **own}
        ) as portal,
    ):
        yield portal


def test_a_hundred_requests_in_a_minute_by_both_doors(limited: Portal) -> None:
    person, other = Person.new(limited), Person.new(limited)
    with person.socket() as socket:
        socket.hear("snapshot")
        answers = [person.http.get("/api/v1/me") for _ in range(120)]
        let_in = [answer for answer in answers if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(let_in) <= 99  # connecting was one
        assert len(let_in) + len(refused) == 120
        assert 1 <= int(refused[-1].headers["Retry-After"]) <= 61
        socket.say(action="get_models")
        assert socket.hear("error")["code"] == "too_many_requests"
        assert other.http.get("/api/v1/me").status_code == 200
        limited.flush_redis()
        socket.say(action="get_models")
        socket.hear("models")


def test_metrics_and_log(limited: Portal) -> None:
    answer = httpx.get(f"{limited.url}/metrics", headers={"Authorization": f"Bearer {SECRET}"})
    assert answer.status_code == 200
    assert 'sdweb_rate_limited_total{door="http"}' in answer.text
    assert "sdweb_worker_up{" in answer.text
    assert httpx.get(f"{limited.url}/metrics").status_code == 401
    missing = httpx.get(f"{limited.url}/api/v1/nowhere", headers={"X-Request-ID": "request-12345"})
    assert missing.headers["X-Request-ID"] == "request-12345"
    lines = [line[line.index("{") :] for line in limited.log.splitlines() if '{"time":' in line]
    assert any(json.loads(line).get("request_id") == "request-12345" for line in lines)

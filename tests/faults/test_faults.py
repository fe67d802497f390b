"""Whatever is killed or emptied in the middle of a job: the job is finished, once."""

import time

import httpx
import pytest

from tests.integration.portal import SLOW, Person, Portal, eventually, params_of

pytestmark = pytest.mark.faults

BATCH = 2
RESTART_SECONDS = 5.0


def _finished_once(person: Person, job_id: str, *, attempts: tuple[int, ...]) -> None:
    """The job is done, in one of these attempts, and its pictures are exactly its own."""
    job = person.wait_for(job_id)
    assert job["state"] == "done", job["error"]
    assert job["attempt"] in attempts
    assert [image["index"] for image in job["images"]] == list(range(BATCH))
    assert all(image["job_id"] == job_id for image in person.images())
    assert len(person.images()) == BATCH
    for image in person.images():
        assert person.picture(image).startswith(b"\x89PNG")


def _slow_job(person: Person) -> str:
    job_id = person.submit(**SLOW, batch_size=BATCH)
    person.wait_running(job_id, step=3)
    return job_id


def test_kill_9_of_the_gpu_worker(portal: Portal, person: Person) -> None:
    job_id = _slow_job(person)
    killed_at = time.monotonic()
    before = portal.kill("gpu")
    portal.wait_restarted("gpu", before, seconds=RESTART_SECONDS)
    assert time.monotonic() - killed_at < RESTART_SECONDS
    _finished_once(person, job_id, attempts=(2,))
    assert "gpu   | was killed by SIGKILL; starting it again" in portal.log


def test_redis_is_flushed_again_and_again(portal: Portal, person: Person) -> None:
    job_id = _slow_job(person)
    waiting = person.submit(steps=5)
    for _ in range(3):
        portal.flush_redis()
        time.sleep(0.5)
    assert person.wait_for(waiting)["state"] == "done"
    job = person.wait_for(job_id)
    assert (job["state"], job["attempt"]) == ("done", 1)
    assert len(person.images()) == BATCH + 1


def test_redis_is_killed_and_comes_back_empty(portal: Portal, person: Person) -> None:
    with person.socket() as open_all_the_time:
        job_id = _slow_job(person)
        before = portal.kill("redis")
        portal.wait_restarted("redis", before)
        _finished_once(person, job_id, attempts=(1,))
        assert open_all_the_time.hear("complete", seconds=60)["job_id"] == job_id
    # And what comes afterwards is worked on as before, with news on a new socket, at the first try.
    with person.socket() as socket:
        socket.say(action="generate", params=params_of(prompt="a blue cat"))
        assert socket.hear("complete", seconds=60)["data"]["metadata"]["prompt"] == "a blue cat"


def test_redis_and_the_gpu_worker_at_once(portal: Portal, person: Person) -> None:
    job_id = _slow_job(person)
    portal.flush_redis()
    gpu, redis = portal.kill("gpu"), portal.kill("redis")
    portal.wait_restarted("redis", redis)
    portal.wait_restarted("gpu", gpu)
    _finished_once(person, job_id, attempts=(2,))


def test_a_job_submitted_without_redis_is_not_lost(portal: Portal, person: Person) -> None:
    """The doorbell cannot ring; the row is there, and somebody looks."""
    before = portal.kill("redis")
    job_id = person.submit(steps=5)
    portal.wait_restarted("redis", before)
    assert person.wait_for(job_id)["state"] == "done"


def test_the_web_server_is_killed(portal: Portal, person: Person) -> None:
    """Its death costs the connection, not the job; a new connection is told what is going on."""
    job_id = _slow_job(person)
    before = portal.kill("web")
    portal.wait_restarted("web", before)
    eventually(lambda: _answers(person), seconds=30, what="the page")
    _finished_once(person, job_id, attempts=(1,))


def test_beat_is_killed(portal: Portal, person: Person) -> None:
    """Lost jobs are found again once the clock is back."""
    beat = portal.kill("beat")
    job_id = _slow_job(person)
    gpu = portal.kill("gpu")
    portal.wait_restarted("beat", beat)
    portal.wait_restarted("gpu", gpu)
    _finished_once(person, job_id, attempts=(2,))


def _answers(person: Person) -> bool:
    try:
        return person.http.get("/api/v1/me").status_code == 200
    except httpx.HTTPError:
        return False

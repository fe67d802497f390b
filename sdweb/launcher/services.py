"""The processes of the portal on one machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sdweb.launcher.gpus import Seat
from sdweb.launcher.options import Options
from sdweb.launcher.paths import ROOT, venv_bin
from sdweb.launcher.redis_server import EmbeddedRedis
from sdweb.supervisor import Service


def redis_service(redis: EmbeddedRedis, env: Mapping[str, str]) -> Service:
    """The embedded Redis; it stops last, as the others say goodbye to it."""
    return Service("redis", redis.argv, env, ROOT, stops_last=True)


def web_service(options: Options, env: Mapping[str, str]) -> Service:
    """Pages, API and socket."""
    return Service("web", _web(options), env, ROOT)


def gpu_services(options: Options, env: Mapping[str, str], seats: Sequence[Seat]) -> list[Service]:
    """The GPU workers, each with its own part of the machine."""
    return [
        Service(seat.name, _worker("gpu", options.slots, seat.name), {**env, **seat.env}, ROOT)
        for seat in seats
    ]


def background_services(options: Options, env: Mapping[str, str]) -> list[Service]:
    """The io worker and the clock."""
    return [
        Service("io", _worker("io", 2, "io"), env, ROOT),
        Service("beat", _beat(options.data_dir), env, ROOT),
    ]


def _web(options: Options) -> tuple[str, ...]:
    # Daphne's own limit would close the socket of somebody who sends a picture that is too large; the
    # portal's (8 MiB) answers with an error. Beyond this one nobody gets an answer.
    limits = "--websocket-max-message-size 33554432 --websocket-max-frame-size 33554432"
    words = (
        f"-m daphne -b {options.host} -p {options.port} --no-server-name --verbosity 0 {limits}"
        " sdweb.asgi:application"
    )
    return (str(venv_bin("python")), *words.split())


def _worker(queue: str, threads: int, name: str) -> tuple[str, ...]:
    """A Celery worker. Threads, because the engine and its models live once in the process.

    Gossip and mingle are for workers that watch each other; ours meet in the database, and start faster so.
    """
    words = f"-m celery -q -A sdweb worker -Q {queue} -P threads -c {threads} -n {name}@%h"
    quiet = "--without-gossip --without-mingle -l INFO"
    return (str(venv_bin("python")), *words.split(), *quiet.split())


def _beat(data_dir: Path) -> tuple[str, ...]:
    words = "-m celery -q -A sdweb beat -l WARNING -s"
    return (str(venv_bin("python")), *words.split(), str(data_dir / "beat-schedule"))

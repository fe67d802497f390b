"""``./run worker``: GPU workers on this machine for a portal that runs on another.

Imported by the launcher for ``require_joinable``, and run as a program inside the virtual environment to look
at what only Django can see.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Final

from sdweb.launcher.console import LaunchError
from sdweb.launcher.options import Options

_MACHINES: Final = "docs/machines.md says what the machines of a portal share."
CLOCK_SECONDS: Final = 3.0
"""Seconds by which the clocks may differ: leases are told by them."""


def require_joinable(options: Options, environ: Mapping[str, str]) -> None:
    """Raise LaunchError for the first thing that a worker away from the portal cannot do without."""
    for problem in _missing(options, environ):
        raise LaunchError(problem, _MACHINES)


def _missing(options: Options, environ: Mapping[str, str]) -> Iterator[str]:
    def given(variable: str) -> bool:
        return bool(environ.get(variable) or environ.get(f"{variable}_FILE"))

    if not given("SDWEB_DATABASE_URL"):
        yield "SDWEB_DATABASE_URL is not set: a worker needs the portal's PostgreSQL, SQLite is not shared."
    elif environ.get("SDWEB_DATABASE_URL", "postgres").partition(":")[0] not in ("postgres", "postgresql"):
        yield "SDWEB_DATABASE_URL does not name a PostgreSQL: no other database can be shared by machines."
    if not given("SDWEB_REDIS_URL"):
        yield "SDWEB_REDIS_URL is not set: the Redis that ./run brings serves its own machine only."
    if not given("SECRET_KEY"):
        yield "SECRET_KEY is not set: it has to be the portal's."
    if not options.data_dir.is_dir():
        yield f"The data folder {options.data_dir} is not there: mount the portal's, for the pictures."
    if not options.models.is_dir():
        yield f"The models folder {options.models} is not there: mount the portal's, or a copy of it."


def problems_found() -> Iterator[str]:
    """What is wrong with the database, Redis and the clock, as this process's settings have them."""
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        yield f"The database does not answer: {error}"
        return
    if plan:
        yield "The database is of another version of the portal: update the older of the two machines."
    difference = _clock_difference()
    if difference > CLOCK_SECONDS:
        yield f"The clocks here and at the database differ by {difference:.0f} s: let both keep time by NTP."
    yield from _redis_problems()


def _clock_difference() -> float:
    """Seconds between the database's clock and this machine's."""
    from django.db import connection
    from django.utils import timezone

    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    return float(abs((timezone.now() - theirs).total_seconds()))


def _redis_problems() -> Iterator[str]:
    import redis
    from django.conf import settings

    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except redis.RedisError as error:
        yield f"Redis does not answer: {error}"


def main() -> int:
    """Print what is wrong. Returns 1 when something is."""
    import django

    django.setup()
    found = list(problems_found())
    for problem in found:
        sys.stdout.write(problem + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Health: of the process, and of what it needs."""

import logging
import uuid
from collections.abc import Callable
from typing import Final

from django.core.files.base import ContentFile
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.utils.log import log_response
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gallery.storage import gallery_storage
from generation.presence import workers_alive

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is looked at."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, Redis, storage and at least one GPU worker answer, else 503; each by name."""
    checks = {name: _passes(name, check) for name, check in CHECKS.items()}
    if all(checks.values()):
        return JsonResponse({"status": "ok", "checks": checks})
    response = JsonResponse({"status": "unavailable", "checks": checks}, status=503)
    lacking = ", ".join(name for name, passed in checks.items() if not passed)
    # Django would call it an error, and while things start it is what a probe has to find.
    log_response("Not ready yet: %s", lacking, response=response, request=request, level="info")
    return response


def _passes(name: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception as error:  # whatever is wrong with it, it is not ready
        logger.warning("Not ready: %s: %s", name, error)
        return False


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _redis() -> bool:
    from django.core.cache import caches

    key = f"readyz:{uuid.uuid4()}"
    caches["redis"].set(key, 1, timeout=5)
    return bool(caches["redis"].get(key) == 1)


def _storage() -> bool:
    storage = gallery_storage()
    name = storage.save(f"readyz/{uuid.uuid4()}", ContentFile(b"ok"))
    storage.delete(name)
    return True


def _workers() -> bool:
    return workers_alive() > 0


CHECKS: Final[dict[str, Callable[[], bool]]] = {
    "database": _database,
    "redis": _redis,
    "storage": _storage,
    "workers": _workers,
}

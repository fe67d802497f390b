"""``/metrics`` for Prometheus."""

import hmac
from functools import lru_cache

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from sdweb.accounts.authentication import bearer
from sdweb.observability.fleet import FleetCollector
from sdweb.observability.metrics import REGISTRY


@lru_cache(maxsize=1)
def _fleet() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(FleetCollector())
    return registry


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers, for who shows ``SDWEB_METRICS_TOKEN``; without that setting there is no such address."""
    token: str = settings.METRICS_TOKEN
    if not token:
        raise Http404
    shown = bearer(request) or ""
    if not hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), token.encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(
        generate_latest(REGISTRY) + generate_latest(_fleet()), content_type=CONTENT_TYPE_LATEST
    )

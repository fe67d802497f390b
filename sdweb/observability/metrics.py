"""What the web process counts by itself. Other processes' numbers come from their rows, see ``fleet``."""

from typing import Final

from django.http import HttpRequest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry()
REQUESTS: Final = Counter(
    "sdweb_http_requests", "Requests answered.", ("method", "route", "status"), registry=REGISTRY
)
LATENCY: Final = Histogram(
    "sdweb_http_request_seconds",
    "From the request's arrival in Django to its answer.",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    registry=REGISTRY,
)
RATE_LIMITED: Final = Counter(
    "sdweb_rate_limited", "Requests and messages refused for being too many.", ("door",), registry=REGISTRY
)
SOCKETS: Final = Gauge("sdweb_open_sockets", "WebSockets of signed-in people.", registry=REGISTRY)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def request_count(request: HttpRequest, status: int, *, seconds: float) -> None:
    """Note one answer under its route's template, so that ids do not make a series each."""
    match = request.resolver_match
    route = f"/{match.route}" if match and match.route else "other"
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(method, route, str(status)).inc()
    LATENCY.labels(method, route).observe(seconds)

"""The few pages that are not the front end's."""

import re
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from django.views.defaults import page_not_found

from sdweb.errors import not_found

NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The front end is not built</title></head>
<body><h1>The front end is not built</h1>
<p>The server runs, but the pages that it should show are missing. Build them and start again:</p>
<pre>cd frontend &amp;&amp; npm ci &amp;&amp; npm run build</pre>
<p><code>./run</code> does this by itself. The <a href="/api/v1/docs">API</a> and the <a
href="/admin/">admin</a> work.</p> </body></html>
"""

INTERFACE: Final = re.compile(
    r"/(gallery|status|sign-in|sign-up|settings(/[\w-]+)?|reset-password(/[\w:-]+)?|confirm-email/[\w:-]+)/?",
    re.ASCII,
)
"""Pages of the front end, which has them behind the ``#``; its ``router.tsx`` is where they are made."""
NO_PAGES: Final = frozenset(
    {"_allauth", "api", "assets", "media", "outputs", "sdapi", "static", "v1", "ws"},
)
"""First parts of addresses that programs ask for: an answer in HTML is of no use to them."""


@require_safe
def front_end_missing(_request: HttpRequest) -> HttpResponse:
    """Reached only where no built ``index.html`` was found: ServeStatic answers ``/`` otherwise."""
    return HttpResponse(NOT_BUILT, status=503)


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Nothing is at this address: the API says so in its own terms, and people are led on."""
    if request.path.startswith("/api/"):
        return JsonResponse(not_found("This address").as_dict(), status=404)
    response = _for_people(request) if _is_page(request) else page_not_found(request, exception)
    patch_vary_headers(response, ["Accept"])
    return response


def _is_page(request: HttpRequest) -> bool:
    """Whether somebody looks at the answer: browsers that go to an address name HTML, programs do not."""
    first = request.path.split("/")[1]
    asks = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", "")
    return asks and first not in NO_PAGES


def _for_people(request: HttpRequest) -> HttpResponse:
    """The page of the interface that was meant, if it is one: nothing else is redirected to."""
    if INTERFACE.fullmatch(request.path):
        query = request.META.get("QUERY_STRING", "")
        return HttpResponseRedirect(f"/#{request.path.rstrip('/')}{'?' if query else ''}{query}")
    return render(request, "sdweb/not_found.html", status=404)

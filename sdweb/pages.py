"""The few pages that are not the front end's."""

from django.http import HttpRequest, HttpResponse, JsonResponse
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


@require_safe
def front_end_missing(_request: HttpRequest) -> HttpResponse:
    """Reached only where no built ``index.html`` was found: ServeStatic answers ``/`` otherwise."""
    return HttpResponse(NOT_BUILT, status=503)


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Nothing is at this address; whoever speaks to the API is told in its own terms."""
    if request.path.startswith("/api/"):
        return JsonResponse(not_found("This address").as_dict(), status=404)
    return page_not_found(request, exception)

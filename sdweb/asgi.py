"""The web process: HTTP through Django, ``/ws/`` through Channels. It never imports torch."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sdweb.settings")
django_application = get_asgi_application()  # before the consumers, which import models

from sdweb.bodies import bound_bodies  # noqa: E402
from sdweb.routing import websocket_application  # noqa: E402

bound_bodies()
application = ProtocolTypeRouter({"http": django_application, "websocket": websocket_application})

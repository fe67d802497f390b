"""The web process: HTTP through Django, ``/ws/`` through Channels. It never imports torch."""

import os

import django
from channels.routing import ProtocolTypeRouter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sdweb.settings")
django.setup(set_prefix=False)  # before the consumers, which import models

from sdweb.bodies import bound_bodies  # noqa: E402
from sdweb.handler import PooledHandler  # noqa: E402
from sdweb.routing import websocket_application  # noqa: E402

bound_bodies()
application = ProtocolTypeRouter({"http": PooledHandler(), "websocket": websocket_application})

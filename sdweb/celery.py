"""The Celery application. Its settings, each with its reason, stand in ``sdweb/settings/__init__.py``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sdweb.settings")

app = Celery("sdweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

"""Every address of the portal; the built front end's own files are served before these are looked at."""

from django.contrib import admin
from django.urls import include, path

from sdweb.api import api
from sdweb.health import healthz, readyz
from sdweb.pages import front_end_missing

handler404 = "sdweb.pages.missing"

urlpatterns = [
    path("", front_end_missing),
    path("", include("gallery.urls")),
    path("", include("generation.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("_allauth/", include("allauth.headless.urls")),
    # Where providers of single sign-on send people back: /accounts/oidc/<provider>/login/callback/
    path("accounts/", include("allauth.urls")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]

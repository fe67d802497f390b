"""Every address of the portal; the built front end's own files are served before these are looked at."""

from allauth.headless.constants import Client
from allauth.socialaccount.providers.openid_connect.views import callback
from django.contrib import admin
from django.urls import include, path

from sdweb.accounts.doors import ProviderRedirectView, admin_login, emergency_login
from sdweb.api import api
from sdweb.health import healthz, readyz
from sdweb.observability.views import metrics
from sdweb.pages import front_end_missing

handler404 = "sdweb.pages.missing"

urlpatterns = [
    path("", front_end_missing),
    path("", include("gallery.urls")),
    path("", include("generation.urls")),
    path("admin/login/", admin_login),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path(
        "_allauth/browser/v1/auth/provider/redirect", ProviderRedirectView.as_api_view(client=Client.BROWSER)
    ),
    path("_allauth/", include("allauth.headless.urls")),
    # Where providers of single sign-on send people back. allauth's own pages are not served.
    path("accounts/oidc/<slug:provider_id>/login/callback/", callback, name="openid_connect_callback"),
    path("accounts/emergency/<str:token>/", emergency_login),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]

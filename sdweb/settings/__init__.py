"""Django's settings. Values that differ between installations come from ``env.py`` and nowhere else."""

from datetime import timedelta
from typing import Any, Final

from sdweb.observability.logs import log_config
from sdweb.settings.database import database_config
from sdweb.settings.env import ROOT, environment_load
from sdweb.settings.mail import mail_config
from sdweb.settings.network import allowed_hosts, trusted_origins
from sdweb.settings.oidc import allauth_providers, providers_parse, sign_on_origins
from sdweb.static import add_cache_headers

ENV: Final = environment_load()

# --- What this installation is ------------------------------------------------------------------------------
PROFILE = ENV.profile
DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key.get_secret_value() if ENV.secret_key else ""
DATA_DIR = ENV.data_dir
MODELS_PATH = ENV.models_path
PUBLIC_URL = ENV.public_url.rstrip("/")
PORT = ENV.port
ADMIN_USERNAME = ENV.admin_username
ADMIN_PASSWORD = ENV.admin_password.get_secret_value() if ENV.admin_password else ""
ADMIN_EMAIL = ENV.admin_email
REGISTRATION_OPEN = ENV.registration_open
TRASH_DAYS = ENV.trash_days
STORAGE_BYTES = int(ENV.storage_gb * 2**30)
UPLOAD_DAYS = ENV.upload_days
UPLOAD_MAX_BYTES = ENV.upload_max_mb * 2**20
UPLOADS_BYTES = ENV.uploads_mb * 2**20

# --- The GPU worker -----------------------------------------------------------------------------------------
DEVICE = ENV.device
PRESET = ENV.preset
ENGINE_SWITCHES = {
    "storage": ENV.storage,
    "attention": ENV.attention,
    "offload": ENV.offload,
    "vae_tiling": ENV.vae_tiling,
    "compile": ENV.compile,
    "max_rows": ENV.max_rows,
}
"""What overrides the preset; None is what the preset says."""
PRECISION = ENV.precision
WORKER_SLOTS = ENV.worker_slots
MIN_BUCKET = ENV.min_bucket
PREVIEW_INTERVAL = ENV.preview_interval
MODEL_CACHE_MB = ENV.model_cache_mb
LEASE_SECONDS = ENV.lease_seconds
HEARTBEAT_SECONDS = ENV.heartbeat_seconds
MAX_ATTEMPTS = ENV.max_attempts
RECOVERY_SECONDS = ENV.recovery_seconds
QUEUE_NEWS_SECONDS = 1.0  # a process tells people of the queue's changes at most this often

# --- Applications -------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "daphne",  # before staticfiles: its runserver serves WebSockets
    "unfold",  # before admin: it replaces the admin's templates
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "ninja",  # only for the static files of the API's documentation page
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "servestatic",
    "sdweb",
    "sdweb.accounts",
    "models_hub",
    "gallery",
    "generation",
]
MIDDLEWARE = [
    "sdweb.observability.middleware.ObservedMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "sdweb.middleware.SecurityHeadersMiddleware",
    "sdweb.middleware.ErrorShapeMiddleware",
    "sdweb.accounts.middleware.OriginMiddleware",  # before anything reads a cookie
    "corsheaders.middleware.CorsMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "sdweb.ratelimit.middleware.RateLimitMiddleware",
    "sdweb.accounts.recording.admin.AdminActionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "sdweb.accounts.sessions.SessionActivityMiddleware",
    "sdweb.accounts.second_factor.SecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "sdweb.urls"
ASGI_APPLICATION = "sdweb.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Data ---------------------------------------------------------------------------------------------------
DATABASES = {
    "default": database_config(
        ENV.database_url.get_secret_value() if ENV.database_url else None, data_dir=DATA_DIR
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = ENV.redis_url.get_secret_value()
REDIS_CONNECT_SECONDS = 2
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "sdweb.cache.RedisOrOwnCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "sdweb",
        "OPTIONS": {"socket_connect_timeout": REDIS_CONNECT_SECONDS, "socket_timeout": REDIS_CONNECT_SECONDS},
    }
}
# Redis itself, for those who ask whether it is there.
CACHES["redis"] = {**CACHES["default"], "BACKEND": "django.core.cache.backends.redis.RedisCache"}
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        # Publish and subscribe, measured 2 to 5 times cheaper than the layer with stored messages. It keeps
        # nothing for those who come late: they get a snapshot from the database.
        "BACKEND": "sdweb.channel_layer.PortalChannelLayer",
        "CONFIG": {
            "prefix": "sdweb",
            "hosts": [{"address": REDIS_URL, "socket_connect_timeout": REDIS_CONNECT_SECONDS}],
        },
    }
}

# --- Celery: doorbells for the GPU workers, ordinary work for the io worker ---------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_SERIALIZER = "json"  # JSON only: a pickle from the broker would run code
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True  # the job's row is the result
CELERY_TASK_ACKS_LATE = True  # a worker that dies leaves its message for the next one; tasks are idempotent
CELERY_TASK_REJECT_ON_WORKER_LOST = True  # the same for a killed child process
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a doorbell that waits in a busy worker helps nobody
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = (
    False  # jobs go on without Redis: their truth is the database
)
CELERY_TASK_DEFAULT_QUEUE = "io"
CELERY_TASK_ROUTES = {
    "generation.tasks.serve_next": {"queue": "gpu"},
    "generation.tasks.continue_prompt": {"queue": "gpu"},
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    # A web request does not wait for Redis: a doorbell that is lost is rung again by beat and the workers'
    # own polling.
    "max_retries": 1,
    "interval_start": 0.1,
    "interval_max": 0.1,
}
CELERY_BROKER_CONNECTION_TIMEOUT = REDIS_CONNECT_SECONDS
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True  # Redis may start after the workers
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # and come back at any time
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Far above the longest job: after this time Redis hands an unacknowledged message out a second time.
    "visibility_timeout": int(timedelta(hours=12).total_seconds()),
    "socket_connect_timeout": REDIS_CONNECT_SECONDS,
    # Without it a worker can go on listening to a connection that is dead.
    "health_check_interval": 25,
    "global_keyprefix": "sdweb:",
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # one log format for all processes
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "sdweb.beat:SteadyScheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "requeue-lost-jobs": {"task": "generation.tasks.requeue_lost_jobs", "schedule": RECOVERY_SECONDS},
    "ring-for-waiting-jobs": {"task": "generation.tasks.ring_for_waiting_jobs", "schedule": RECOVERY_SECONDS},
    "scan-library": {"task": "models_hub.tasks.scan_library", "schedule": timedelta(minutes=5)},
    "forget-workers": {"task": "generation.tasks.forget_workers", "schedule": timedelta(hours=1)},
    "purge-uploads": {"task": "generation.tasks.purge_uploads", "schedule": timedelta(hours=1)},
    "purge-jobs": {"task": "generation.tasks.purge_jobs", "schedule": timedelta(hours=1)},
    "purge-records": {"task": "sdweb.accounts.tasks.purge_records", "schedule": timedelta(hours=1)},
    "purge-trash": {"task": "gallery.tasks.purge_trash", "schedule": timedelta(hours=1)},
    "sweep-orphans": {"task": "gallery.tasks.sweep_orphans", "schedule": timedelta(days=1)},
}

# --- People -------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
# One backend, which knows names and addresses, so that a password is checked once.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
REQUIRE_2FA = ENV.require_2fa
SSO_ONLY = ENV.sso_only
EMAIL_CONFIGURED = ENV.email_url is not None
ACCOUNT_ADAPTER = "sdweb.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_EMAIL_VERIFICATION = ENV.email_verification
ACCOUNT_SIGNUP_FIELDS = [
    "username*",
    "email*" if ENV.email_verification == "mandatory" else "email",
    "password1*",
]
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_CHANGE_EMAIL = True  # one address for each person; another one takes its place once it is confirmed
# Without mails it cannot be hidden whether somebody has an address: the form has to say that it is taken.
ACCOUNT_PREVENT_ENUMERATION = EMAIL_CONFIGURED
ACCOUNT_EMAIL_NOTIFICATIONS = EMAIL_CONFIGURED
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # for addresses, second factors and connected providers
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PUBLIC_URL.startswith("https://") else "http"
ACCOUNT_RATE_LIMITS = {
    # What a person may try, by their address, by the account ("key") and once signed in ("user").
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "10/m/ip,3/5m/key",
    "reset_password_from_key": "20/m/ip",
    "confirm_email": "1/3m/key",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
}
MFA_ADAPTER = "sdweb.accounts.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = not ENV.sso_only
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "Stable Diffusion portal"
MFA_TOTP_TOLERANCE = 1  # a clock that is half a minute off must do
# Addresses are unverified where there is no mail server, and a second factor is wanted there too.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RATE_LIMITS = {"webauthn_login": "10/m/ip"}
USERSESSIONS_ADAPTER = "sdweb.accounts.sessions.SessionsAdapter"
USERSESSIONS_TRACK_ACTIVITY = True
OIDC_PROVIDERS = providers_parse(ENV.oidc.get_secret_value() if ENV.oidc else "")
SIGN_ON_ORIGINS = sign_on_origins(OIDC_PROVIDERS)
SOCIALACCOUNT_ADAPTER = "sdweb.accounts.sso.SsoAdapter"
SOCIALACCOUNT_PROVIDERS = allauth_providers(OIDC_PROVIDERS)
SOCIALACCOUNT_STORE_TOKENS = False  # nothing is asked of the provider after the sign-on
SOCIALACCOUNT_EMAIL_REQUIRED = False  # the provider says who somebody is, with or without an address
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True  # where "trust_email" lets somebody in by the address
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("browser",)
HEADLESS_FRONTEND_URLS = {
    "account_signup": f"{PUBLIC_URL}/#/sign-up",
    "account_reset_password": f"{PUBLIC_URL}/#/reset-password",
    "account_reset_password_from_key": f"{PUBLIC_URL}/#/reset-password/{{key}}",
    "account_confirm_email": f"{PUBLIC_URL}/#/confirm-email/{{key}}",
    "socialaccount_login_error": f"{PUBLIC_URL}/#/sign-in",
}
globals().update(mail_config(ENV.email_url.get_secret_value() if ENV.email_url else ""))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.email_from
LOGIN_URL = "/#/sign-in"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_AGE = int(timedelta(days=30).total_seconds())
SESSION_SAVE_EVERY_REQUEST = False  # a GET writes nothing

# --- The network --------------------------------------------------------------------------------------------
ALLOWED_HOSTS = allowed_hosts(ENV)
CSRF_TRUSTED_ORIGINS = trusted_origins(ENV)
CORS_ALLOWED_ORIGINS = trusted_origins(ENV)
TRUSTED_PROXIES = ENV.trusted_proxies
CORS_ALLOW_CREDENTIALS = True
CORS_EXPOSE_HEADERS = ["RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"]
RATE_LIMIT = ENV.rate_limit
PICTURE_RATE_LIMIT = ENV.picture_rate_limit
RATE_LIMIT_REDIS_URL = REDIS_URL
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
INTERFACE_ELSEWHERE = bool(ENV.allowed_origins)
IS_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# The CSRF cookie can be read by scripts: the interface sends it back as a header. A browser takes a cookie
# whose name begins so only from this very host and over TLS: no other host of the domain can set it.
COOKIE_PREFIX = "__Host-" if IS_HTTPS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
# The proxy that ends TLS says so with this header; it is trusted only where the public address is an https
# one.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # asked for beside the proxy
SECURE_HSTS_SECONDS = 3600 * 24 * 365 if IS_HTTPS else 0
# W005, W021: the domain's other hosts are not ours to promise TLS for.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# A request with its pictures in base64; larger ones come by POST /uploads, whose files are not counted here.
DATA_UPLOAD_MAX_MEMORY_SIZE = WEBSOCKET_MAX_FRAME_BYTES = 8 * 2**20

# --- Files --------------------------------------------------------------------------------------------------
FRONTEND_DIST = ENV.frontend_dist
STATIC_URL = "/static/"
# The admin's files are served from the packages that bring them: nothing to collect before the first start.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_USE_STATIC_ROOT = False
SERVESTATIC_USE_MANIFEST = False
SERVESTATIC_AUTOREFRESH = False
SERVESTATIC_ALLOW_ALL_ORIGINS = False
SERVESTATIC_INDEX_FILE = True
SERVESTATIC_MIMETYPES = {".webmanifest": "application/manifest+json"}
SERVESTATIC_ADD_HEADERS_FUNCTION = add_cache_headers
SERVESTATIC_ROOT = FRONTEND_DIST if FRONTEND_DIST.is_dir() else None
MEDIA_ROOT = DATA_DIR / "media"

# --- Language and time --------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("uk", "Українська")]
TIME_ZONE = "UTC"
USE_TZ = True

# --- What it tells about itself -----------------------------------------------------------------------------
LOGGING = log_config(ENV.log_format, ENV.log_level)
METRICS_TOKEN = ENV.metrics_token.get_secret_value() if ENV.metrics_token else ""
OTLP_ENDPOINT = ENV.otlp_endpoint.rstrip("/")

UNFOLD = {
    "SITE_TITLE": "Stable Diffusion portal",
    "SITE_HEADER": "Stable Diffusion portal",
    "SITE_URL": "/",
}

if PROFILE == "test":
    # A test's threads leave no connection behind: PostgreSQL would not drop the test's database.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    # Unit tests run without Redis; the tests that need a real one start it and use the embedded profile.
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {
        name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"} for name in ("default", "redis")
    }
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    RATE_LIMIT_REDIS_URL = ""
    CELERY_BROKER_URL = "memory://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {}

__all__ = [name for name in globals() if name.isupper()] + ["ROOT"]

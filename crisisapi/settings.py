"""Settings: everything that differs between installations comes from the environment (docs/operations.md)."""

from __future__ import annotations

import base64
import hashlib
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from core.logs import logging_config
from crisisapi.service_urls import celery_broker, django_database, service_url

BASE_DIR = Path(__file__).resolve().parent.parent
PRODUCTION = os.environ.get("CRISISAPI_PRODUCTION", "") == "1"
DEBUG = False
# Guardian and sign-in know people by their address; the unique index is on its lower case.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]


def secret(name: str) -> str:
    """A secret from the environment; in development one that is made from its name, in production never."""
    if value := os.environ.get(name):
        return value
    if PRODUCTION:
        raise ImproperlyConfigured(f"{name} must be set in production.")
    return base64.b64encode(hashlib.sha256(f"development only: {name}".encode()).digest()).decode()


def listed(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


SECRET_KEY = secret("SECRET_KEY")
# "id:base64 of 32 bytes", comma-separated; the first key seals, every key opens.
SEALING_KEYS = (
    dict(pair.split(":", 1) for pair in listed("SEALING_KEYS"))
    if "SEALING_KEYS" in os.environ
    else {"dev": secret("SEALING_KEYS")}
)
# Base64 of 32 bytes: what proofs of approvals are signed with (Ed25519).
PROOF_SIGNING_KEY = secret("PROOF_SIGNING_KEY")
ALLOWED_HOSTS = listed("ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1],testserver")
CSRF_FAILURE_VIEW = "core.http.problems.csrf_failure"
CSRF_TRUSTED_ORIGINS = listed("CSRF_TRUSTED_ORIGINS")
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
# Folders with fonts for reports as PDF, beyond those that the project brings along: Chinese, Japanese, Korean, Thai, ….
REPORT_FONTS = [folder for folder in os.environ.get("REPORT_FONTS", "").split(os.pathsep) if folder]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "pgtrigger",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "core",
    "jobs",
    "ledger",
    "permissions",
    "tenants",
    "approvals",
    "alerting",
    "connectors",
    "readiness",
    "publishing",
    "incidents",
    "listening",
    "insights",
    "crisisapi",
]

if not PRODUCTION and find_spec("django_migration_linter"):
    INSTALLED_APPS += ["django_migration_linter"]
MIGRATION_LINTER_OPTIONS = {
    # Ours only; a first migration makes its tables, so nobody waits for its locks.
    "include_apps": [
        "core",
        "jobs",
        "ledger",
        "permissions",
        "tenants",
        "approvals",
        "alerting",
        "connectors",
        "readiness",
        "publishing",
        "incidents",
        "listening",
    ],
    "no_cache": True,
    # Tables of people and grants are small; widening a varchar and changing a unique index rewrite nothing.
    "ignore_name": [
        "0002_rules_reviews_and_goodbyes",
        "0002_seats_brands_and_identity",
        "0003_disconnected_accounts_free_their_handle",
        "0004_directory_names_are_unique_and_problems_are_told",  # nothing has written these tables before it
        # Mentions and buckets are rebuilt with their rows: it runs while nothing listens (docs/operations.md).
        "0002_mentions_by_time",
        "0003_brands_hear_more",
        "0011_contagions_warn",  # a column that nothing has ever read goes
        "0002_rotations_rules_and_silences",  # pages and messages are few
        "0004_parallel_steps_delegations_and_bypasses",  # stages get a longer name; the constraint is of a new column
        "0008_links_offers_and_merges",  # a longer word for clocks; incidents and their tasks are few
        "0005_silences_count_their_pages",  # silences are few; the count that goes came with the same release
        "0010_reviews_have_parts",  # reviews are few, and what they say moves in the same step
        "0003_facts_have_a_history",  # nothing has ever written facts
        "0004_images_lie_in_the_store",  # nothing has ever written the columns that go
        "0003_rotas_have_rotations",  # turns move to rotations in the same step; the old process is stopped first
    ],
}

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "core.http.request_id.RequestIdMiddleware",
    "core.http.rate_headers.RateHeaders",
    "tenants.sign_in.limits.TooManyAttempts",
    "tenants.exposed_keys.ExposedKeys",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tenants.sign_in.sessions.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "crisisapi.urls"
WSGI_APPLICATION = "crisisapi.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ]
        },
    }
]

# -- Postgres: the truth ------------------------------------------------------------------------------------
DATABASES = {
    "default": {
        **django_database(service_url("DATABASE_URL")),
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
DATABASES["default"]["OPTIONS"].setdefault(
    "options", "-c jit=off -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Redis: the doorbell ------------------------------------------------------------------------------------
REDIS_URL = service_url("REDIS_URL")
# Counters of sign-in live in Postgres too: nobody is locked out because the doorbell is broken.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
CELERY_BROKER_URL = celery_broker(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "unacked_restore_interval": 5,
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "health_check_interval": 10,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
# The lease in Postgres is the truth; a redelivery by the broker would add loops, not safety.
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_PUBLISH_RETRY = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 10_000
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20.0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "jobs.sweep", "schedule": 1.0, "options": {"queue": "alerts", "expires": 5}},
    "rounds": {"task": "jobs.tend", "schedule": 60.0, "options": {"queue": "bulk", "expires": 60}},
    "housekeeping": {"task": "jobs.purge", "schedule": 3600.0, "options": {"queue": "bulk", "expires": 600}},
}

# -- people and sign-in -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = ["tenants.passwords.Argon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ANONYMOUS_USER_NAME = None  # guardian: nobody is nobody
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_MONKEY_PATCH_GROUP = False
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # an invitation that arrived by e-mail has proved the address
ACCOUNT_ADAPTER = "tenants.sign_in.adapters.InvitedOnly"
ACCOUNT_PREVENT_ENUMERATION = True
# Wrong passwords and codes; the rest is allauth's own. Counted in the cache, which lives in Postgres.
ACCOUNT_RATE_LIMITS = {"login_failed": "50/15m/ip,10/15m/key", "login": "60/m/ip"}
SOCIALACCOUNT_ADAPTER = "tenants.sign_in.oidc.AgencyProviders"
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_ADAPTER = "tenants.sign_in.adapters.SealedFactors"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
# No neighbouring steps: allauth remembers a used code for one step only, so a longer life would let it in twice.
MFA_TOTP_TOLERANCE = 0
USERSESSIONS_TRACK_ACTIVITY = False
HEADLESS_ONLY = True
HEADLESS_TOKEN_STRATEGY = "tenants.sign_in.sessions.TokenStrategy"  # noqa: S105 - the name of a class
HEADLESS_CLIENTS = ("app", "browser")
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": PUBLIC_URL + "/verify/{key}",
    "account_reset_password": PUBLIC_URL + "/password/reset",
    "account_reset_password_from_key": PUBLIC_URL + "/password/reset/{key}",
    "account_signup": PUBLIC_URL + "/signup",
    "socialaccount_login_error": PUBLIC_URL + "/sign-in/error",
}
SESSION_ENGINE = "tenants.sign_in.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = False  # the proxy in front does it (docs/operations.md)
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None

# -- the API ------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.key_sign_in.KeyAuthentication",
        "tenants.sign_in.SessionTokenAuthentication",
        "tenants.sign_in.CookieAuthentication",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["core.http.rates.Throttle"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.http.parser.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "core.http.cursors.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "permissions.schema.HouseSchema",
    "EXCEPTION_HANDLER": "core.http.problems.handle",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# Requests a minute; a key has a rate of its own. RATE_LIMITS=0 for measurements that nobody else shares.
RATE_LIMITS = os.environ.get("RATE_LIMITS", "1") == "1"
RATE_LIMIT_PERSON = int(os.environ.get("RATE_LIMIT_PERSON", "1200"))
RATE_LIMIT_ADDRESS = int(os.environ.get("RATE_LIMIT_ADDRESS", "300"))
# How many proxies of ours stand in front, each adding to X-Forwarded-For; 0: the connection's own address counts.
TRUSTED_PROXIES = int(os.environ.get("TRUSTED_PROXIES", "0"))
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "crisisapi",
    "DESCRIPTION": "The backend that an agency runs when a client brand is on fire in social media.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/v1/agencies/\{agency\}",
    # Choices stay where they are used: every subject has stages and kinds of its own.
    "POSTPROCESSING_HOOKS": ["permissions.schema.add_problem"],
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
}

# -- the world outside --------------------------------------------------------------------------------------
# Networks that outbound calls may reach beside the public internet, e.g. 127.0.0.0/8 on a developer's machine.
OUTBOUND_ALLOWED_NETWORKS = listed("OUTBOUND_ALLOWED_NETWORKS", "" if PRODUCTION else "127.0.0.0/8,::1/128")
OUTBOUND_CA_FILE = os.environ.get("OUTBOUND_CA_FILE", "")  # an operator's private certificate authority
# Where every post of Bluesky is read from; only while a brand listens to all of them.
BLUESKY_JETSTREAM_URL = os.environ.get("BLUESKY_JETSTREAM_URL", "wss://jetstream2.us-east.bsky.network/subscribe")
EMAIL_HOST = os.environ.get("EMAIL_HOST", "127.0.0.1")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "2525"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("EMAIL_USE_TLS", "") == "1"
EMAIL_TIMEOUT = 10
# Who carries text messages and calls: "twilio", "gateway" (a provider that speaks our contract), or nobody.
SMS_PROVIDER = os.environ.get("SMS_PROVIDER", "")
VOICE_PROVIDER = os.environ.get("VOICE_PROVIDER", "")
TWILIO_URL = os.environ.get("TWILIO_URL", "https://api.twilio.com").rstrip("/")
TWILIO_ACCOUNT_SID = os.environ.get("TWILIO_ACCOUNT_SID", "")
TWILIO_AUTH_TOKEN = os.environ.get("TWILIO_AUTH_TOKEN", "")
TWILIO_FROM = os.environ.get("TWILIO_FROM", "")
TWILIO_VOICE_FROM = os.environ.get("TWILIO_VOICE_FROM", TWILIO_FROM)
GATEWAY_URL = os.environ.get("GATEWAY_URL", "")
GATEWAY_TOKEN = os.environ.get("GATEWAY_TOKEN", "")
GATEWAY_SECRET = os.environ.get("GATEWAY_SECRET", "")
OPERATOR_EMAIL = os.environ.get("OPERATOR_EMAIL", "")
OPERATOR_WEBHOOK_URL = os.environ.get("OPERATOR_WEBHOOK_URL", "")  # where the auditor's alarms go when no mail goes out
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "crisisapi@localhost")
HEARTBEAT_URL = os.environ.get("HEARTBEAT_URL", "")
MOOD_SCORER = os.environ.get("MOOD_SCORER", "linear")
# A folder with model.onnx and tokenizer.json: reads again, in the background, what the first tier is unsure of.
MOOD_SECOND_TIER = os.environ.get("MOOD_SECOND_TIER", "")

# -- files --------------------------------------------------------------------------------------------------
# Where uploads lie: a folder that every web process and worker reaches, and that no web server gives out.
FILES_ROOT = os.environ.get("FILES_ROOT", "" if PRODUCTION else str(BASE_DIR / "var" / "files"))
if not FILES_ROOT:
    raise ImproperlyConfigured("FILES_ROOT must be set in production.")
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": FILES_ROOT, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
FILE_MAX_BYTES = int(os.environ.get("FILE_MAX_BYTES", str(10 * 1024 * 1024)))
IMAGE_MAX_BYTES = int(os.environ.get("IMAGE_MAX_BYTES", str(5 * 1024 * 1024)))

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = os.environ.get("STATIC_ROOT")  # where collectstatic puts files in production
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_config(json_lines=PRODUCTION)

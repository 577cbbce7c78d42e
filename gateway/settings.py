"""Django settings: one file, everything from the environment, embedded by default (SQLite, memory)."""

from django.templatetags.static import static

from gateway import environment
from gateway.version import VERSION

environment.read_dotenv()
environment.refuse_unknown()

BASE_DIR = environment.BASE_DIR
DATA_DIR = environment.data_dir()
DEBUG = environment.boolean("DEBUG")
HOST = environment.env.str("HOST", default="") or "127.0.0.1"
PORT = environment.integer("PORT", 8000, 1, 65535)

DATABASES = {"default": environment.database(DATA_DIR)}
EMBEDDED = DATABASES["default"]["ENGINE"].endswith("sqlite3")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_secrets = environment.Secrets(DATA_DIR, DATABASES["default"])
SECRET_KEY = _secrets.get("SECRET_KEY")
MASTER_KEYS = [key.strip() for key in _secrets.get("MASTER_KEYS").split(",") if key.strip()]
KEY_PEPPER = _secrets.get("KEY_PEPPER")

# What the data plane and its neighbours read.
STATE_URL = environment.state_url()
RECORD_DURABILITY = environment.choice("RECORD_DURABILITY", "strict", ("strict", "relaxed"))
MAX_BODY_BYTES = environment.integer("MAX_BODY_MB", 20, 1, 1024) * 1024 * 1024
RETENTION_DAYS = environment.integer("RETENTION_DAYS", 30, 1, 3650)
LOG_LEVEL = environment.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error"))
LOG_FORMAT = environment.choice("LOG_FORMAT", "text", ("text", "json"))
WORKERS = environment.integer("WORKERS", 1, 1, 256)

# Who may ask. A gateway that listens on loopback alone answers to any loopback name.
PUBLIC_HTTPS = environment.boolean("PUBLIC_HTTPS")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS") or ["127.0.0.1", "localhost", "[::1]", HOST]
CSRF_TRUSTED_ORIGINS = environment.words("ALLOWED_ORIGINS")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "console.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "simple_history",
    "tenants",
    "providers",
    "proxies",
    "accounts",
    "logs",
    "snapshots",
    "doctor",
    "console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "console.middleware.SecurityHeaders",
    "simple_history.middleware.HistoryRequestMiddleware",
]

ROOT_URLCONF = "gateway.urls"
ASGI_APPLICATION = "gateway.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
LOGIN_URL = "admin:login"

# Cookies and headers. TLS belongs to the proxy in front; PUBLIC_HTTPS=true says that it is there.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_SSL_REDIRECT = PUBLIC_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if PUBLIC_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PUBLIC_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PUBLIC_HTTPS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served straight from the packages, so that nothing has to be collected before the first page.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "gateway.logging.TextFormatter"},
        "json": {"()": "gateway.logging.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL.upper()},
    "loggers": {
        # These write addresses and headers below WARNING.
        "aiohttp": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "httpcore2": {"level": "WARNING"},
        "django.server": {"level": "WARNING"},
    },
}

CELERY_BROKER_URL = environment.env.str("CELERY_BROKER_URL", default="") or (
    STATE_URL if STATE_URL.startswith(("redis", "unix")) else "memory://"
)

UNFOLD = {
    "SITE_TITLE": "AI Gateway",
    "SITE_HEADER": "AI Gateway",
    "SITE_SUBHEADER": f"version {VERSION}",
    "SITE_URL": None,
    "SITE_ICON": lambda request: static("logo.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("logo.svg")}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "COMMAND": {"search_models": False, "show_history": False},
    "STYLES": [lambda request: static("console.css")],
    "SCRIPTS": [lambda request: static("console.js")],
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "console.navigation.sidebar"},
    "COLORS": {
        "base": {
            "50": "oklch(98.4% .003 220)",
            "100": "oklch(96.4% .004 220)",
            "200": "oklch(92.4% .006 222)",
            "300": "oklch(86.6% .009 224)",
            "400": "oklch(70.2% .016 226)",
            "500": "oklch(54.4% .02 228)",
            "600": "oklch(44.2% .021 230)",
            "700": "oklch(36.6% .021 232)",
            "800": "oklch(27.2% .019 234)",
            "900": "oklch(20.4% .017 236)",
            "950": "oklch(13.5% .014 238)",
        },
        "primary": {
            "50": "oklch(97.7% .013 196)",
            "100": "oklch(94.6% .03 197)",
            "200": "oklch(89.4% .055 198)",
            "300": "oklch(82% .085 199)",
            "400": "oklch(73.5% .105 201)",
            "500": "oklch(64.5% .107 204)",
            "600": "oklch(50.2% .088 208)",
            "700": "oklch(43.4% .075 211)",
            "800": "oklch(37.2% .062 214)",
            "900": "oklch(31.6% .051 217)",
            "950": "oklch(23.2% .04 221)",
        },
    },
}

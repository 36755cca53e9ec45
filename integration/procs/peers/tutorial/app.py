# The tutorial's application: Django, each visit is an INCR on the master that the
# Sentinels name. "/" answers as the tutorial's view does, which reads the number
# back with a second command; "/own" with INCR's own answer.
import os

import redis.sentinel
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    DEBUG=os.environ["TUTORIAL_DEBUG"] == "1",
    SECRET_KEY="not secret",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
    ],
    MIDDLEWARE=[  # those of a new project
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)

sentinels = [tuple(a.split(":")) for a in os.environ["TUTORIAL_SENTINELS"].split(",")]
rds = redis.sentinel.Sentinel(sentinels).master_for("master")


def ping(request):
    rds.incr("count", 1)
    cnt = rds.get("count")
    cnt = b"0" if cnt is None else cnt
    return HttpResponse(cnt.decode())


def own(request):
    return HttpResponse(str(rds.incr("count", 1)))


urlpatterns = [path("", ping), path("own", own)]
application = get_wsgi_application()

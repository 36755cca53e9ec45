"""A Django application whose visits, cache and sessions are in the store, and what
the tests make it do.

    djangoapp.py visits HOST PORT COUNT
    djangoapp.py cache SENTINELS MASTER PASSWORD KEY

SENTINELS is host:port,host:port,...; an empty PASSWORD means none.
"""

import sys

import django
import redis
from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import path


def count_visits(host, port):
    """The view that every tutorial has: pingd is the address of a Redis."""
    store = redis.StrictRedis(host, port)

    def visit(request):
        store.incr("count", 1)
        return HttpResponse((store.get("count") or b"0").decode())

    return visit


def remember(request):
    """Keeps what the visitor said in the session."""
    if "said" in request.GET:
        request.session["said"] = request.GET["said"]
    return HttpResponse(request.session.get("said", "nothing"))


urlpatterns = [path("remember", remember)]


def configure(**more):
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="of a test", **more)
    django.setup()


def visits(host, port, count):
    configure()
    urlpatterns.append(path("", count_visits(host, int(port))))
    browser = Client()
    print(*[browser.get("/").content.decode() for _ in range(int(count))])


def cached(sentinels, name, password, key):
    # What an application sets: the Sentinels and the name of the cluster.
    configure(
        DJANGO_REDIS_CONNECTION_FACTORY="django_redis.pool.SentinelConnectionFactory",
        CACHES={
            "default": {
                "BACKEND": "django_redis.cache.RedisCache",
                "LOCATION": f"redis://{name}/0",
                "OPTIONS": {
                    "CLIENT_CLASS": "django_redis.client.SentinelClient",
                    "SENTINELS": [(a.rsplit(":", 1)[0], int(a.rsplit(":", 1)[1])) for a in sentinels.split(",")],
                    "SENTINEL_KWARGS": {"password": password or None},
                    "PASSWORD": password or None,
                },
            }
        },
        SESSION_ENGINE="django.contrib.sessions.backends.cache",
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    )
    cache.set(key, {"a": [1, 2]}, timeout=60)
    assert cache.get(key) == {"a": [1, 2]}
    assert 0 < cache.ttl(key) <= 60
    assert not cache.add(key, "another") and cache.add(key + ":new", 1)
    cache.set_many({f"{key}:{i}": i for i in range(100)})
    assert cache.get_many([f"{key}:{i}" for i in range(100)]) == {f"{key}:{i}": i for i in range(100)}
    assert cache.touch(key, 120) and cache.ttl(key) > 60
    assert cache.get_or_set(key + ":lazy", lambda: "made") == "made"
    assert cache.delete_pattern(f"{key}:*") == 102
    assert cache.delete(key) and cache.get(key) is None
    browser, stranger = Client(), Client()
    assert browser.get("/remember?said=hello").content == b"hello"
    assert browser.get("/remember").content == b"hello"
    assert stranger.get("/remember").content == b"nothing"
    print("ok", django.__version__)


{"visits": visits, "cache": cached}[sys.argv[1]](*sys.argv[2:])

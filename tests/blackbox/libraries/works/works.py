"""The simplest real work of Python's libraries: works.py LIBRARY HOST PORT. Prints "works"."""

import sys


def redis_py(host, port):
    import redis
    client = redis.Redis(host, port)
    client.set("py:a", "1", ex=100)
    assert client.get("py:a") == b"1" and 0 < client.ttl("py:a") <= 100
    with client.pipeline() as pipe:
        pipe.watch("py:a")
        value = int(pipe.get("py:a"))
        pipe.multi()
        pipe.set("py:a", value + 1)
        pipe.incr("py:a")
        assert pipe.execute() == [True, 3]
    dump = client.dump("py:a")
    client.restore("py:b", 0, dump, replace=True)
    assert client.get("py:b") == b"3"


def redis_py_lock(host, port):
    import redis
    client = redis.Redis(host, port)
    with client.lock("py:lock", timeout=30, blocking_timeout=5) as lock:
        assert not client.lock("py:lock").acquire(blocking=False)
        assert lock.extend(5)
    assert client.exists("py:lock") == 0


def django_cache(host, port):
    from django.conf import settings
    settings.configure(CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache",
                                           "LOCATION": f"redis://{host}:{port}/1"}})
    from django.core.cache import cache
    cache.set("a", {"x": 1}, timeout=100)
    assert cache.get("a") == {"x": 1} and 0 < cache.ttl("a") <= 100
    assert not cache.add("a", 2)
    cache.set_many({"b": 1, "c": 2}, timeout=50)
    assert cache.get_many(["b", "c", "d"]) == {"b": 1, "c": 2}
    assert cache.touch("b", 80) and cache.delete("b") and cache.get("b") is None


def django_sessions(host, port):
    from django.conf import settings
    settings.configure(SESSION_ENGINE="django.contrib.sessions.backends.cache",
                       SESSION_CACHE_ALIAS="default",
                       CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache",
                                           "LOCATION": f"redis://{host}:{port}/2"}})
    from django.contrib.sessions.backends.cache import SessionStore
    session = SessionStore()
    session["user"] = "u"
    session.save()
    assert SessionStore(session.session_key)["user"] == "u"
    session.flush()


def flask_session(host, port):
    import flask
    import flask_session
    import redis
    app = flask.Flask("works")
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.Redis(host, port))
    flask_session.Session(app)

    @app.route("/")
    def count():
        flask.session["n"] = flask.session.get("n", 0) + 1
        return str(flask.session["n"])

    with app.test_client() as browser:
        assert [browser.get("/").data for _ in range(3)] == [b"1", b"2", b"3"]
    assert count is not None


def dogpile(host, port):
    from dogpile.cache import make_region
    region = make_region().configure("dogpile.cache.redis", expiration_time=100,
                                     arguments={"host": host, "port": port,
                                                "redis_expiration_time": 100})
    calls = []

    @region.cache_on_arguments()
    def double(n):
        calls.append(n)
        return 2 * n

    assert double(4) == 8 and double(4) == 8 and calls == [4]
    double.invalidate(4)
    assert double(4) == 8 and len(calls) == 2


def dogpile_lock(host, port):
    from dogpile.cache import make_region
    region = make_region().configure("dogpile.cache.redis", expiration_time=100,
                                     arguments={"host": host, "port": port, "lock_timeout": 20,
                                                "distributed_lock": True})
    assert region.get_or_create("locked", lambda: 7) == 7
    region.delete("locked")


def limits(host, port):
    from limits import RateLimitItemPerMinute, storage, strategies
    kept = storage.storage_from_string(f"redis://{host}:{port}")  # The limiter does not keep it.
    limiter = strategies.FixedWindowRateLimiter(kept)
    item = RateLimitItemPerMinute(2)
    limiter.clear(item, "works")
    assert [limiter.hit(item, "works") for _ in range(3)] == [True, True, False]


globals()[sys.argv[1].replace("-", "_")](sys.argv[2], int(sys.argv[3]))
print("works")

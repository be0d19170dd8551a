"""redis-py, controlled by lines: see drivers.py."""

import sys

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

host, port, settings = sys.argv[1:]
options = {"defaults": {},
           "safe": {"retry": Retry(NoBackoff(), 0), "retry_on_timeout": False}}[settings]
client = redis.Redis(host=host, port=int(port), socket_timeout=1, **options)
client.ping()
print(f"ready {redis.__version__}", flush=True)
for line in sys.stdin:
    try:
        print("done", client.incr(line.strip()), flush=True)
    except redis.RedisError as error:
        print("failed", type(error).__name__, flush=True)

"""What client libraries do if the reply to a write is lost: docs/CLIENTS.md lists settings with
which they execute nothing twice. The command always arrives and is executed."""

import pytest

from drivers import COMMANDS, driver
from harness import await_true
from lossy_proxy import CONNECTION_BREAKS, NOTHING_COMES, LossyProxy

LOSSES = [CONNECTION_BREAKS, NOTHING_COMES]
# Libraries that send a command again unless they are configured not to.
RETRY_BY_DEFAULT = {"ioredis", "redis-rb"}


@pytest.fixture(name="proxy")
def proxy_fixture(shared):
    made = LossyProxy(shared.leader())
    yield made
    made.close()


def lose_a_reply(client, proxy, loss):
    """Returns the library's reply to a call whose first reply was lost; None means an error."""
    assert client.incr("before") == 1
    proxy.lose_next = loss
    reply = client.incr("lost")
    assert proxy.lost == 1, "the reply was not lost"
    return reply


def executions(proxy):
    return int(proxy.node.call("GET", "lost"))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("library", COMMANDS)
def test_safe_settings__a_write_whose_reply_is_lost_is_executed_once(library, loss, proxy):
    with driver(library, "safe", proxy) as client:
        assert lose_a_reply(client, proxy, loss) is None
        await_true(lambda: client.incr("after"), f"{library} {client.version} connects again")
    assert executions(proxy) == 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("library", COMMANDS)
def test_defaults__are_as_the_documentation_says(library, loss, proxy):
    doubles = library in RETRY_BY_DEFAULT
    with driver(library, "defaults", proxy) as client:
        assert lose_a_reply(client, proxy, loss) == (2 if doubles else None)
    assert executions(proxy) == (2 if doubles else 1)

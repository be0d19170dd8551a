"""The HTTP door: metrics, health, status, JSON and XML-RPC, and what strangers may try."""

import base64
import http.client
import json
import pathlib
import re
import shutil
import socket
import ssl
import tempfile
import time
import xmlrpc.client

import pytest

from certificates import Authority
from harness import HOST, ROOT, Cluster, Node, await_true, free_port

DISTANCE = 5000  # From a node's port for clients to that for HTTP.


@pytest.fixture(name="web", scope="module")
def web_fixture():
    """Three voters with a door each, for all tests of this module."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="rakit-test."))
    made = Cluster(path)
    try:
        for i in range(3):
            node = made.node(contact=made.nodes[0] if i else None)
            node.options = ["--http", str(node.port + DISTANCE)]
            node.start().await_up()
        made.await_voters(3)
        yield made
    finally:
        made.destroy()
        shutil.rmtree(path, ignore_errors=True)


def request(node, path, body=None, method=None, **headers):
    """Status, headers and body of one request."""
    connection = http.client.HTTPConnection(node.host, node.port + DISTANCE, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method or ("GET" if body is None else "POST"), path, body, named)
    with connection.getresponse() as response:
        return response.status, dict(response.getheaders()), response.read().decode()


def execute(node, command, *arguments):
    status, _, text = request(node, "/execute", json.dumps({"command": command, "args": arguments}),
                              Content_Type="application/json")
    assert status == 200, text
    return json.loads(text)


def rpc(node):
    return xmlrpc.client.ServerProxy(f"http://{node.host}:{node.port + DISTANCE}/RPC2")


def answer_to(node, *pieces):
    """What the door answers to these bytes; the connection ends by itself."""
    with socket.create_connection((node.host, node.port + DISTANCE), timeout=20) as s:
        for piece in pieces:
            s.sendall(piece)
        received = b""
        while True:
            try:
                part = s.recv(65536)
            except ConnectionError:
                break
            if not part:
                break
            received += part
    return received


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer else 0


# --- metrics -----------------------------------------------------------------------------------


def metrics(node):
    status, headers, text = request(node, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return text


def values(text):
    """{name with labels: number}."""
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(number) for name, number in lines}


def kinds(text):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def test_metrics__are_those_of_the_document(web):
    web.leader().call("SET", "a", "b")
    text = metrics(web.leader())
    documented = re.findall(r"^\| `(\w+)`[^|]* \| (\w+) \|", (ROOT / "docs/METRICS.md").read_text(),
                            re.MULTILINE)
    assert dict(documented) == kinds(text)
    assert re.findall(r"^# HELP (\S+)", text, re.MULTILINE) == list(kinds(text))
    for name in values(text):
        base = name.split("{")[0]
        assert base in kinds(text) or re.sub(r"_(bucket|sum|count)$", "", base) in kinds(text), name


def test_metrics__say_what_the_node_knows(web):
    leader = web.leader()
    for i in range(50):
        leader.call("SET", f"k{i}", "v")
    web.await_equal()
    found = values(metrics(leader))
    assert found['rakit_role{role="leader"}'] == 1 and found["rakit_has_leader"] == 1
    assert found["rakit_members"] == 3 and found['rakit_keys{db="0"}'] >= 50
    assert found["rakit_term"] == leader.status()["term"]
    assert found['rakit_command_calls_total{command="SET"}'] >= 50
    assert found["rakit_memory_bytes"] > 0 and found["process_resident_memory_bytes"] > 1e6
    peers = [name for name in found if name.startswith("rakit_peer_lag_entries")]
    assert len(peers) == 2
    other = values(metrics(web.followers()[0]))
    assert other['rakit_role{role="follower"}'] == 1 and other['rakit_role{role="leader"}'] == 0
    assert sum(v for k, v in other.items() if k.startswith("rakit_peer_connected")) == 2


def test_metrics__histograms_are_cumulative(web):
    leader = web.leader()
    leader.call("SET", "a", "b")
    found = values(metrics(leader))
    for name in ("log_sync", "commit", "apply", "write"):
        buckets = [v for k, v in found.items() if k.startswith(f"rakit_{name}_seconds_bucket{{")]
        assert buckets == sorted(buckets) and len(buckets) == 18
        assert buckets[-1] == found[f"rakit_{name}_seconds_count"] > 0
        assert found[f"rakit_{name}_seconds_sum"] > 0
    peers = [name for name in found if name.startswith("rakit_peer_round_trip_seconds_count{")]
    assert len(peers) == 2


def test_metrics__that_dashboards_and_alerts_use_are_there(web):
    known = kinds(metrics(web.leader()))
    used = set()
    for path in (ROOT / "contrib").rglob("*"):
        if path.suffix in (".json", ".yml"):
            used.update(re.findall(r"\b(?:rakit|process)_[a-z_]+", path.read_text()))
    assert len(used) > 20
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in used} <= set(known)


# --- health --------------------------------------------------------------------------------------


def test_health__is_that_of_reads(web):
    leader, *others = [web.leader(), *web.followers()]
    assert request(leader, "/livez")[0] == 200
    assert request(others[0], "/readyz")[0::2] == (200, "ready\n")
    status, _, text = request(others[0], "/readyz?verbose")
    assert status == 200 and "[+] leader: " + leader.address in text and "[+] read: served" in text
    for node in others:
        node.freeze()
    try:
        assert request(leader, "/livez")[0] == 200
        status, _, text = request(leader, "/readyz")
        assert status == 503 and "[-] read" in text and "[+]" not in text
    finally:
        for node in others:
            node.thaw()
    await_true(lambda: request(leader, "/readyz")[0] == 200, "it serves reads again")


def test_health__of_a_node_that_stands_still_is_not_alive(web):
    node = web.followers()[0]
    node.freeze()
    try:
        with pytest.raises(OSError):
            with socket.create_connection((node.host, node.port + DISTANCE), timeout=1) as s:
                s.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
                s.recv(1)
    finally:
        node.thaw()
    await_true(lambda: request(node, "/readyz")[0] == 200, "it serves reads again")


def test_status__is_that_of_the_leader_at_any_node(web):
    for node in web.nodes:
        status, headers, text = request(node, "/status.json")
        assert status == 200 and headers["Content-Type"] == "application/json"
        shown = json.loads(text)
        assert {row["address"] for row in shown["nodes"]} == {n.address for n in web.nodes}
        assert {row["role"] for row in shown["nodes"]} == {"leader", "follower"}


# --- commands ------------------------------------------------------------------------------------


def test_xmlrpc__executes_at_any_node(web):
    leader = web.leader().address
    for i, node in enumerate(web.nodes):
        proxy = rpc(node)
        done = json.loads(proxy.execute(json.dumps({"command": "append", "args": ["x", "äb<&>"]})))
        assert done == {"status": "success", "data": 6 * (i + 1), "leader": leader}
        assert json.loads(proxy.ping()) == {"status": "success", "data": "PONG", "leader": leader}
        failed = json.loads(proxy.execute(json.dumps({"command": "incr", "args": ["x"]})))
        assert failed["status"] == "fail" and failed["error"]["code"] == "ERR"
        assert "integer" in failed["error"]["message"]
    got = json.loads(rpc(web.nodes[0]).execute('{"command": "get", "args": ["x"]}'))
    assert got["data"] == 3 * "äb<&>"


def test_xmlrpc__shows_the_log(web):
    web.leader().call("SET", "shown", "1")
    proxy = rpc(web.followers()[0])
    rows = json.loads(proxy.request_log())["data"]
    assert rows[-1]["kind"] == "command" and rows[-1]["command"].startswith("SET shown")
    some = json.loads(proxy.request_log(json.dumps({"from": rows[-1]["index"], "count": 1})))
    assert some["data"] == rows[-1:]


def test_xmlrpc__answers_wrong_calls_with_faults(web):
    proxy = rpc(web.nodes[0])
    assert "execute" in proxy.system.listMethods()
    wrong = ((-32601, proxy.nothing), (-32602, lambda: proxy.execute("{")),
             (-32602, proxy.execute), (-32602, lambda: proxy.execute(1)),
             (-32602, lambda: proxy.execute('{"command": "get", "other": 1}')),
             (-32602, lambda: proxy.request_log('{"count": 1}')))
    for code, call in wrong:
        with pytest.raises(xmlrpc.client.Fault) as raised:
            call()
        assert raised.value.faultCode == code
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><methodCall><methodName>&b;</methodName></methodCall>'
    assert "-32700" in request(web.nodes[0], "/RPC2", bomb, Content_Type="text/xml")[2]


def test_execute__has_values_of_all_kinds(web):
    node = web.followers()[0]
    node.call("SET", "bytes", b"\xff\x00")
    bits = {"base64": base64.b64encode(b"\xff\x00").decode()}
    assert execute(node, "get", "bytes")["data"] == bits
    assert execute(node, "set", bits, 1.5)["data"] == "OK"
    assert execute(node, "mget", bits, "none")["data"] == ["1.5", None]
    execute(node, "hset", "h", "a", 1)
    assert execute(node, "hgetall", "h")["data"] == {"a": "1"}
    assert execute(node, "eval", "return {1, {'x'}}", 0)["data"] == [1, ["x"]]
    assert execute(node, "subscribe", "c")["status"] == "fail"
    assert execute(node, "raft", "key")["status"] == "fail"
    assert execute(node, "nothing")["error"]["message"].startswith("unknown command")
    assert request(node, "/execute", "{}", Content_Type="application/json")[0] == 400


def test_execute__is_shown_with_the_address_of_its_client(web):
    lines = execute(web.nodes[0], "client", "list")["data"].splitlines()
    own = [line for line in lines if " name=http " in line and "cmd=client" in line]
    assert len(own) == 1 and f" addr={HOST}:" in own[0], lines


# --- strangers ------------------------------------------------------------------------------------


POST = b"POST /execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = b'{"command": "set", "args": ["smuggled", "1"]}'


@pytest.mark.parametrize("status, pieces", (
    (400, [POST + b"Content-Length: 3\r\nContent-Length: %d\r\n\r\n" % len(BODY), BODY]),
    (400, [POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", BODY]),
    (411, [POST + b"Transfer-Encoding: chunked\r\n\r\n", b"2d\r\n" + BODY + b"\r\n0\r\n\r\n"]),
    (400, [POST + b"Content-Length : %d\r\n\r\n" % len(BODY), BODY]),
    (400, [POST.replace(b"\r\n", b"\n") + b"Content-Length: %d\n\n" % len(BODY), BODY]),
    (411, [POST + b"\r\n", BODY]),
    (413, [POST + b"Content-Length: 1048577\r\n\r\n"]),
    (417, [POST + b"Content-Length: %d\r\nExpect: more\r\n\r\n" % len(BODY), BODY]),
    (421, [POST.replace(b"localhost", b"evil.example") + b"Content-Length: %d\r\n\r\n" % len(BODY),
           BODY]),
    (403, [POST + b"Origin: http://evil.example\r\nContent-Length: %d\r\n\r\n" % len(BODY), BODY]),
    (403, [POST + b"Sec-Fetch-Site: cross-site\r\nContent-Length: %d\r\n\r\n" % len(BODY), BODY]),
    (415, [POST.replace(b"application/json", b"text/plain") +
           b"Content-Length: %d\r\n\r\n" % len(BODY), BODY]),
    (401, [POST + b"Authorization: Basic %s\r\nContent-Length: %d\r\n\r\n" %
           (base64.b64encode(b"nobody:guess"), len(BODY)), BODY]),
    (401, [POST + b"Authorization: Bearer x\r\nContent-Length: %d\r\n\r\n" % len(BODY), BODY]),
    (404, [b"GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"]),
    (405, [b"GET /execute HTTP/1.1\r\nHost: localhost\r\n\r\n"]),
    (405, [b"DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"]),
    (421, [b"GET /metrics HTTP/1.1\r\nHost: evil.example:80\r\n\r\n"]),
    (421, [b"GET /metrics HTTP/1.0\r\n\r\n"]),
    (431, [b"GET / HTTP/1.1\r\nA: " + 20000 * b"x"]),
    (431, [b"GET / HTTP/1.1\r\n" + 101 * b"A: b\r\n" + b"\r\n"]),
    (505, [b"GET / HTTP/2.0\r\n\r\n"]),
    (400, [b"*1\r\n$4\r\nPING\r\n"]),
    (400, [b"\x16\x03\x01\x02\x00"]),
))
def test_stranger__is_refused_and_nothing_is_executed(web, status, pieces):
    node = web.nodes[0]
    try:
        assert status_of(answer_to(node, *pieces)) == status
    finally:
        assert node.call("EXISTS", "smuggled") == 0


def test_stranger__sends_no_second_request_behind_the_first(web):
    second = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    answer = answer_to(web.nodes[0], b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" + second)
    assert answer.count(b"HTTP/1.1 ") == 1 and status_of(answer) == 200
    assert web.nodes[0].call("EXISTS", "smuggled") == 0


def test_stranger__holds_a_place_for_seconds_only(web):
    """One that sends slowly, one that reads nothing, and more of them than there are places."""
    node = web.nodes[1]
    web.leader().call("SET", "large", 4_000_000 * b"x")
    begun = time.monotonic()
    many = [socket.create_connection((HOST, node.port + DISTANCE), timeout=20) for _ in range(60)]
    try:
        for s in many[:40]:
            s.sendall(b"GET /livez HTTP/1.1\r\n")
        refused = [s for s in many[48:] if s.recv(100).startswith(b"HTTP/1.1 503")]
        assert len(refused) == 12
        assert b"408" in many[0].recv(100)
        assert time.monotonic() - begun < 15
    finally:
        for s in many:
            s.close()
    await_true(lambda: request(node, "/livez")[0] == 200, "there are places again")
    assert node.call("PING") == b"PONG"


def test_door__ends_in_order_with_requests_under_way(directory):
    node = Node(directory)
    node.options = ["--http", str(node.port + DISTANCE)]
    node.start().await_up()
    try:
        waiting = [socket.create_connection((HOST, node.port + DISTANCE)) for _ in range(5)]
        waiting[0].sendall(b"GET /metrics HTTP/1.1\r\n")
        assert request(node, "/livez")[0] == 200
        begun = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - begun < 3
        for s in waiting:
            s.close()
        node.options[1] = str(node.port)
        assert node.start().await_end() == 2
        other = socket.socket()
        other.bind((HOST, 0))
        other.listen(1)
        node.options[1] = str(other.getsockname()[1])
        assert node.start().await_end() == 1
        assert "another program listens there already" in node.log()
        other.close()
    finally:
        node.destroy()


def test_door__is_closed_unless_it_is_asked_for(directory):
    node = Node(directory, port=free_port())
    node.start().await_up()
    try:
        assert node.call("CONFIG", "GET", "http-port") == [b"http-port", b"0"]
        assert "HTTP" not in node.log()
    finally:
        node.destroy()


# --- users ----------------------------------------------------------------------------------------


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_users__have_the_rights_that_they_have_elsewhere(directory):
    node = Node(directory)
    node.options = ["--http", str(node.port + DISTANCE)]
    node.start().await_up()
    reader = {"Authorization": basic("reader", "secret"), "Content_Type": "application/json"}
    admin = {"Authorization": basic("admin", "root"), "Content_Type": "application/json"}
    get, put = ('{"command": "%s", "args": ["k"%s]}' % pair for pair in (("get", ""),
                                                                        ("set", ', "v"')))
    try:
        node.call("ACL", "SETUSER", "admin", "on", ">root", "~*", "&*", "+@all")
        node.call("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+get", "+info", "+ping")
        node.call("ACL", "SETUSER", "default", "off")
        assert request(node, "/livez")[0] == 200
        assert request(node, "/readyz")[0] == 401
        status, headers, _ = request(node, "/")
        assert status == 401 and headers["WWW-Authenticate"].startswith("Basic ")
        for path in ("/metrics", "/status.json", "/events"):
            assert request(node, path)[0] == 401, path
            if path != "/events":
                assert request(node, path, Authorization=basic("reader", "secret"))[0] == 403, path
                assert request(node, path, Authorization=basic("admin", "root"))[0] == 200, path
        assert request(node, "/execute", put, **admin)[0] == 200
        assert json.loads(request(node, "/execute", get, **reader)[2])["data"] == "v"
        refused = json.loads(request(node, "/execute", put, **reader)[2])
        assert refused["status"] == "fail" and refused["error"]["code"] == "NOPERM"
        reader["Authorization"] = basic("reader", "wrong")
        assert request(node, "/execute", get, **reader)[0] == 401
        # With credentials, the node may be called by any name.
        assert request(node, "/metrics", Authorization=basic("admin", "root"),
                       Host="db.example")[0] == 200
    finally:
        node.destroy()


# --- encrypted ------------------------------------------------------------------------------------


def fetch(context, node, path):
    connection = http.client.HTTPSConnection(node.host, node.port + DISTANCE, timeout=20,
                                             context=context)
    connection.request("GET", path)
    with connection.getresponse() as response:
        return response.status, response.read(200)


def test_tls__is_that_of_the_node(directory):
    authority = Authority(directory / "authority")
    certificate, key = authority.issue("node")
    stranger = ssl.create_default_context(cafile=str(authority.certificate))
    known = ssl.create_default_context(cafile=str(authority.certificate))
    known.load_cert_chain(*map(str, authority.issue("client")))
    node = Node(directory)
    node.options = ["--http", str(node.port + DISTANCE), "--tls-http", "yes", "--tls-cert-file",
                    str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file",
                    str(authority.certificate)]
    node.start().await_up()
    try:
        assert fetch(known, node, "/livez") == (200, b"ok\n")
        assert b"event: node" in fetch(known, node, "/events")[1]
        with pytest.raises(OSError):
            fetch(stranger, node, "/livez")
        assert answer_to(node, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")[:5] != b"HTTP/"
        proxy = xmlrpc.client.ServerProxy(f"https://{HOST}:{node.port + DISTANCE}/RPC2",
                                          context=known)
        assert json.loads(proxy.ping())["data"] == "PONG"
        begun = time.monotonic()
        with socket.create_connection((HOST, node.port + DISTANCE)) as waiting:
            assert node.stop() == 0
            assert time.monotonic() - begun < 3
            waiting.close()
    finally:
        node.destroy()

"""Settings from a file, the environment and the command line; the service manager."""

import os
import signal
import socket
import subprocess

import pytest

import harness
from harness import Node, await_true, free_port


def check(settings, environment=None):
    return subprocess.run([harness.SERVER, "--config", settings, "--check-config"], text=True,
                          env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=harness.PATIENCE)


def test_settings__come_from_a_file_and_the_environment(tmp_path):
    port = free_port()
    settings = tmp_path / "rakit.conf"
    settings.write_text(f"# a node\nport {port}\nmax-clients 12\nidle-timeout 90\n"
                        f"data '{tmp_path / 'a node'}'\n")
    environment = {"RAKIT_SERVER_IDLE_TIMEOUT": "70"}
    checked = check(settings, environment)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"localhost:{port}" in checked.stdout
    node = Node(tmp_path, port=port)
    node.command_line = lambda: ["env", "RAKIT_SERVER_IDLE_TIMEOUT=70", harness.SERVER,
                                 "--config", str(settings)]
    try:
        node.start().await_up()
        shown = node.redis().config_get("*")
        assert (shown["maxclients"], shown["timeout"]) == ("12", "70")
        assert (tmp_path / "a node" / "identity").exists()
    finally:
        node.stop()
    settings.write_text("max-clients many\n")
    refused = check(settings)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"rakit-server: {settings}, line 1: --max-clients takes")


def test_settings__are_read_again_on_sighup(tmp_path):
    port = free_port()
    settings = tmp_path / "rakit.conf"
    settings.write_text(f"port {port}\nmaxmemory 1gb\nidle-timeout 90\nheartbeat 40\n")
    node = Node(tmp_path, port=port)
    node.command_line = lambda: [harness.SERVER, "--config", str(settings)]

    def reload(content, awaited):
        settings.write_text(content)
        count = node.log().count(awaited)
        node.signal(signal.SIGHUP)
        await_true(lambda: node.log().count(awaited) > count, f"it logs: {awaited}")
        shown = node.redis().config_get("*")
        return shown["maxmemory"], shown["timeout"], shown["heartbeat-ms"]

    try:
        node.start().await_up()
        node.redis().config_set("timeout", 50)
        # What the file gives another value changes; what CONFIG SET has changed stays.
        assert reload(f"port {port}\nmaxmemory 2gb\nidle-timeout 90\nheartbeat 45\n",
                      "setting=heartbeat") == (str(2 << 30), "50", "40")
        # If a line is wrong, nothing changes.
        assert reload("maxmemory 3gb\nidle-timeout soon\n",
                      "the settings are wrong") == (str(2 << 30), "50", "40")
        assert f"{settings}, line 2: --idle-timeout" in node.log()
        assert reload(f"port {port}\nmaxmemory 3gb\nidle-timeout 80\nheartbeat 45\n",
                      "the settings were read again") == (str(3 << 30), "80", "40")
    finally:
        node.stop()


def test_settings__a_service_manager_hears_what_the_node_does(tmp_path):
    """The protocol of sd_notify(3)."""
    path = tmp_path / "notify"
    heard = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(harness.PATIENCE)

        def await_message(begin):
            while not any(line.startswith(begin) for line in heard):
                heard.extend(manager.recv(4096).decode().split("\n"))

        node = Node(tmp_path)
        line = node.command_line()
        node.command_line = lambda: ["env", f"NOTIFY_SOCKET={path}", "WATCHDOG_USEC=200000", *line]
        try:
            node.start()
            await_message("READY=1")
            assert node.redis().ping()
            heard.clear()
            await_message("WATCHDOG=1")
            heard.clear()
            await_message("WATCHDOG=1")
            node.signal(signal.SIGTERM)
            await_message("STOPPING=1")
            assert node.await_end() == 0
        finally:
            if node.is_running():
                node.kill()


@pytest.mark.parametrize("environment", [
    {"NOTIFY_SOCKET": "/nonexistent/notify"}, {"NOTIFY_SOCKET": "x" * 200},
    {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "@"}, {"WATCHDOG_USEC": "soon"}])
def test_settings__a_service_manager_that_is_gone_is_no_obstacle(tmp_path, environment):
    node = Node(tmp_path)
    line = node.command_line()
    node.command_line = lambda: ["env", *(f"{k}={v}" for k, v in environment.items()), *line]
    try:
        node.start().await_up()
        assert node.stop() == 0
    finally:
        if node.is_running():
            node.kill()

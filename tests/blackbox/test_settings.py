"""Settings from a file, the environment and the command line."""

import os
import subprocess

import harness
from harness import Node, free_port


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

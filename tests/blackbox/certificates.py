"""An authority for tests: certificates, keys and lists of revocations, made with openssl."""

import pathlib
import subprocess

CONFIG = """
[req]
distinguished_name = nothing
[nothing]
[ca]
default_ca = here
[here]
database = {dir}/index.txt
crlnumber = {dir}/crlnumber
default_md = sha256
default_crl_days = 30
"""


class Authority:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self.path("ca.crt")
        self.path("index.txt").touch()
        self.path("crlnumber").write_text("01\n")
        self.path("openssl.cnf").write_text(CONFIG.format(dir=self.directory))
        self._make(str(self.directory).replace("/", "."), 30, "-keyout", self.path("ca.key"),
                   "-out", self.certificate, "-addext", "basicConstraints=critical,CA:TRUE",
                   "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def path(self, name):
        return self.directory / name

    def _openssl(self, *words):
        run = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True,
                             check=False)
        assert run.returncode == 0, run.stderr

    def _make(self, name, days, *words):
        self._openssl("req", "-config", self.path("openssl.cnf"), "-x509", "-newkey", "ec",
                      "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days, "-subj",
                      f"/CN={name}", *words)

    def issue(self, name, names="IP:127.0.0.1,DNS:localhost", days=20):
        """Makes NAME.crt and NAME.key, and returns their paths."""
        certificate, key = self.path(f"{name}.crt"), self.path(f"{name}.key")
        self._make(name, days, "-addext", f"subjectAltName={names}", "-CA", self.certificate,
                   "-CAkey", self.path("ca.key"), "-keyout", key, "-out", certificate)
        key.chmod(0o600)
        return certificate, key

    def revoke(self, *names):
        """Writes the list of what was revoked, with these as well, and returns its path."""
        common = ["ca", "-config", self.path("openssl.cnf"), "-keyfile", self.path("ca.key"),
                  "-cert", self.certificate]
        for name in names:
            self._openssl(*common, "-revoke", self.path(f"{name}.crt"))
        self._openssl(*common, "-gencrl", "-out", self.path("ca.crl.new"))
        self.path("ca.crl.new").replace(self.path("ca.crl"))
        return self.path("ca.crl")

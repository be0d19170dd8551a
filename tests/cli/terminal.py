"""A program on a pseudo terminal."""

import os
import pty
import re
import select
import signal
import struct
import termios
import time
from fcntl import ioctl

PATIENCE = 20  # Seconds until a test gives up.
KEYS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]")


class Terminal:
    """The program on a pseudo terminal, as a person uses it."""

    def __init__(self, program, columns=80, **environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.environ.update({"TERM": "xterm", **environment})
                os.execvp(program[0], program)
            finally:
                os._exit(127)  # Otherwise this copy of the test would run all following tests.
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.raw = ""

    def await_text(self, wanted):
        """Reads until the text was shown, and drops everything up to it."""
        end = time.monotonic() + PATIENCE
        while True:
            shown = KEYS.sub("", self.raw)
            if wanted in shown:
                self.raw = shown.split(wanted, 1)[1]
                return
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"waited in vain for {wanted!r}: {self.raw!r}")
            try:
                self.raw += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"ended before {wanted!r}: {self.raw!r}") from None

    def await_prompt(self):
        """A prompt, with the terminal in the hands of the line editor: before that, Ctrl-D means
        something else."""
        self.await_text("> ")
        self.await_mode()

    def await_mode(self):
        end = time.monotonic() + PATIENCE
        while termios.tcgetattr(self.fd)[3] & termios.ICANON:
            if time.monotonic() > end:
                raise AssertionError("the line editor does not take the terminal")
            time.sleep(0.001)

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def paste(self, text):
        """As fast as the program takes it; what it shows is read meanwhile."""
        left = text.encode()
        end = time.monotonic() + PATIENCE
        os.set_blocking(self.fd, False)
        while left:
            readable, writable, _ = select.select([self.fd], [self.fd], [], PATIENCE)
            if time.monotonic() > end:
                raise AssertionError(f"{len(left)} bytes were not taken in {PATIENCE} s")
            if readable:
                self.raw += os.read(self.fd, 65536).decode(errors="replace")
            if writable:
                left = left[os.write(self.fd, left[:4096]):]
        os.set_blocking(self.fd, True)

    def await_end(self):
        end = time.monotonic() + PATIENCE
        try:
            while select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                read = os.read(self.fd, 65536)
                self.raw += read.decode(errors="replace")
                if not read:
                    break
            else:
                os.kill(self.pid, signal.SIGKILL)
        except OSError:
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)

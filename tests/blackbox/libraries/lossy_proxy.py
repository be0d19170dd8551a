"""A TCP proxy between a client library and a node that loses replies to INCR: the command reaches
the node and is executed, but its reply does not come back."""

import contextlib
import select
import socket
import threading

CONNECTION_BREAKS = "the connection breaks"
NOTHING_COMES = "nothing comes"


class LossyProxy:
    """Listens on a port of its own; a thread serves each connection."""

    def __init__(self, node):
        self.node = node
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self.listener.getsockname()
        self.lose_next = None  # How the reply to the next INCR is lost, or None.
        self.lost = 0
        self.lock = threading.Lock()
        self.ends, self.wake = socket.socketpair()
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            readable, _, _ = select.select([self.listener, self.ends], [], [])
            if self.ends in readable:
                return
            near, _ = self.listener.accept()
            self.threads.append(threading.Thread(target=self.serve, args=(near,)))
            self.threads[-1].start()

    def serve(self, near):
        target = (self.node.host, self.node.port)
        with near, contextlib.suppress(OSError), socket.create_connection(target) as far:
            self.pump(near, far)

    def pump(self, near, far):
        loss = None
        while True:
            readable, _, _ = select.select([near, far, self.ends], [], [])
            if self.ends in readable:
                return
            for source in readable:
                data = source.recv(65536)
                if not data:
                    return
                if source is near:
                    loss = loss or self.take_loss(data)
                    far.sendall(data)
                elif loss is None:
                    near.sendall(data)
                else:
                    self.lost += 1
                    if loss == CONNECTION_BREAKS:
                        return
                    select.select([near, self.ends], [], [])  # Until the client gives up.
                    return

    def take_loss(self, data):
        if b"INCR" not in data.upper():
            return None
        with self.lock:
            loss, self.lose_next = self.lose_next, None
        return loss

    def close(self):
        self.wake.close()
        for thread in self.threads:
            thread.join()
        self.listener.close()
        self.ends.close()

"""A TCP proxy that disturbs connections: links.py starts it in a node's namespace, where the packet
filter redirects to it what the node sends to other nodes.

    proxy.py PORT MARK

Each line of its standard input is a JSON object, the state of all its links from then on:

  {"delay_ms": [5, 50]}         each piece waits for so long, in order
  {"bytes_per_s": 2000}         no faster than that
  {"reset_after": [1, 50000]}   each connection is reset at both ends after so many bytes,
                                in the middle of what is being sent
  {"half_open_after": [1, 9]}   after so many bytes the far end is reset; the near end
                                does not notice, and nobody reads from it
  {"close": true}               all connections are reset

It answers each with a line: how many connections it has now, and has had. It ends when its
standard input ends."""

import asyncio
import json
import random
import socket
import struct
import sys

SO_ORIGINAL_DST = 80
PIECE = 4096
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with time 0: close() sends RST.


def reset(end):
    if end.fileno() >= 0:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        end.close()


class Connection:
    """Two sockets, and the data between them."""

    def __init__(self, proxy, near, far):
        self.proxy = proxy
        self.near, self.far = near, far
        self.carried = 0
        self.is_half = False
        self.limits = {name: random.randint(*proxy.state[name])
                       for name in ("reset_after", "half_open_after") if name in proxy.state}
        self.tasks = [asyncio.create_task(self.pump(near, far)),
                      asyncio.create_task(self.pump(far, near))]

    async def pump(self, source, sink):
        """One direction: pieces are queued, each until it is due."""
        line = asyncio.Queue(maxsize=64)
        sender = asyncio.create_task(self.send(line, sink))
        self.tasks.append(sender)
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(source, PIECE):
                low, high = self.proxy.state.get("delay_ms", (0, 0))
                await line.put((loop.time() + random.uniform(low, high) / 1000, data))
        except OSError:
            pass
        await line.put((0, b""))

    async def send(self, line, sink):
        loop = asyncio.get_running_loop()
        try:
            while True:
                due, data = await line.get()
                if not data:
                    break
                await asyncio.sleep(max(0, due - loop.time()))
                await self.send_slowly(sink, data)
        except OSError:
            pass
        if not self.is_half:
            self.reset()

    async def send_slowly(self, sink, data):
        rate = self.proxy.state.get("bytes_per_s")
        step = max(1, rate // 20) if rate else len(data)
        for start in range(0, len(data), step):
            part = data[start:start + step]
            if rate:
                await asyncio.sleep(len(part) / rate)
            await self.send_or_spoil(sink, part)

    async def send_or_spoil(self, sink, data):
        limit = min(self.limits.values(), default=None)
        if limit is not None and self.carried + len(data) >= limit:
            await asyncio.get_running_loop().sock_sendall(sink, data[:limit - self.carried])
            if self.limits.get("half_open_after") == limit:
                await self.half_open()
            else:
                self.reset()
            raise ConnectionAbortedError
        self.carried += len(data)
        await asyncio.get_running_loop().sock_sendall(sink, data)

    async def stop(self, tasks):
        """Waits until nothing is being sent or read, before which a socket must not be closed."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def half_open(self):
        self.is_half = True
        await self.stop([task for task in self.tasks if task is not asyncio.current_task()])
        reset(self.far)

    def reset(self):
        if self in self.proxy.connections:
            self.proxy.connections.remove(self)
            self.proxy.start(self.finish())

    async def finish(self):
        await self.stop(self.tasks)
        reset(self.near)
        reset(self.far)


class Proxy:
    def __init__(self, mark):
        self.mark = mark
        self.state = {}
        self.connections = set()
        self.count = 0
        self.tasks = set()

    def start(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)  # Otherwise nothing would reference it.
        task.add_done_callback(self.tasks.discard)

    async def serve(self, port):
        loop = asyncio.get_running_loop()
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        listener.setblocking(False)
        while True:
            near, _ = await loop.sock_accept(listener)
            self.start(self.accept(near))

    async def accept(self, near):
        wanted = near.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
        port, address = struct.unpack("!2xH4s8x", wanted)
        far = socket.socket()
        far.setblocking(False)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self.mark)
        try:
            await asyncio.wait_for(
                asyncio.get_running_loop().sock_connect(far, (socket.inet_ntoa(address), port)),
                10)
        except (OSError, asyncio.TimeoutError):
            reset(near)
            reset(far)
            return
        for end in (near, far):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.count += 1
        self.connections.add(Connection(self, near, far))

    async def obey(self):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            self.state = json.loads(line)
            if self.state.pop("close", False):
                for connection in list(self.connections):
                    connection.reset()
            print(len(self.connections), self.count, flush=True)


async def main(port, mark):
    proxy = Proxy(mark)
    server = asyncio.create_task(proxy.serve(port))
    await asyncio.sleep(0)  # Until it listens.
    print("ready", flush=True)
    await proxy.obey()
    server.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

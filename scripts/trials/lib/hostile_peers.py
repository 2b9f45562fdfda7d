"""Peers that attack one port of a collector, in a process of their own, so that they slow no honest one down.

Some lanes send one input of hostile_frames.py or hostile_requests.py after the other, each on a connection of
its own and with manners of its own; crowds do what takes many connections or a long time.
"""

import asyncio
import collections
import contextlib
import itertools
import logging
import multiprocessing
import random
import re
import socket
import time

from trials.lib import hostile_frames
from trials.lib import hostile_requests
from trials.lib.wire import MAXIMUM_BYTES, frame, hello, protocol

LANES = 16
# Inputs that are remembered: what came before a crash is among them.
REMEMBERED_INPUTS = 1500
REMEMBERED_BYTES = 64 << 20


# ---------------------------------------------------------------------- manners


async def listen(reader, seconds, most=1 << 20):
    """What is answered, until the other side closes, is silent for so long, or has said enough."""
    answer = bytearray()
    with contextlib.suppress(asyncio.TimeoutError, ConnectionError):
        while len(answer) < most:
            data = await asyncio.wait_for(reader.read(65536), seconds)
            if not data:
                break
            answer += data
    return bytes(answer)


async def whole(rng, reader, writer, data):
    writer.write(data)
    return await listen(reader, 0.15)


async def in_pieces(rng, reader, writer, data):
    for _ in range(rng.randrange(1, 30)):
        size = rng.choice([1, 2, 3, 5, 50, 4096])
        writer.write(data[:size])
        data = data[size:]
        await asyncio.sleep(rng.choice([0, 0.001, 0.01]))
    writer.write(data)
    return await listen(reader, 0.15)


async def dripping(rng, reader, writer, data):
    for place in range(len(data)):
        writer.write(data[place:place + 1])
        await asyncio.sleep(0.05)
    return await listen(reader, 0.05)


async def half_closed(rng, reader, writer, data):
    writer.write(data)
    writer.write_eof()
    return await listen(reader, 1)


async def reset(rng, reader, writer, data):
    writer.write(data)
    await asyncio.sleep(rng.choice([0, 0.01]))
    no_farewell = (1).to_bytes(4, "little") + bytes(4)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_farewell)
    return b""


async def deaf(rng, reader, writer, data):
    writer.transport.pause_reading()
    writer.write(data)
    await asyncio.sleep(rng.choice([0.1, 1]))
    return b""


# With the most of an input that they send.
MANNERS = [(whole, None), (whole, None), (whole, None), (in_pieces, None), (dripping, 30), (half_closed, None),
           (reset, "some"), (deaf, None)]


# ---------------------------------------------------------------------- a process of attackers


class Attackers:
    """Base of the two sides: `inputs` and `crowds` by name, and `judge` for what is answered."""

    name = ""
    inputs = {}
    crowds = {}

    def __init__(self, port, seed, seconds, chosen):
        self.port = port
        self.seed = seed
        self.seconds = seconds
        self.end = 0.0
        self.names = [name for name in self.inputs if chosen(f"{self.name}/{name}")]
        self.crowd_names = [name for name in self.crowds if chosen(f"{self.name}/{name}")]
        self.numbers = itertools.count()
        self.last = collections.deque()
        self.last_bytes = 0
        self.counts = collections.Counter()
        self.problems = []

    def input(self, number):
        """Name, bytes, manner and the generator for what else is random: all from the seed."""
        rng = random.Random(f"{self.seed}/{self.name}/{number}")
        name = rng.choice(self.names)
        data = self.inputs[name](rng)
        manner, most = rng.choice(MANNERS)
        return name, data[:rng.randrange(len(data) + 1) if most == "some" else most], manner, rng

    async def attack(self):
        # The honest ones come first.
        await asyncio.sleep(1)
        self.end = time.monotonic() + self.seconds
        lanes = [self.lane() for _ in range(LANES if self.names else 0)]
        crowds = [self.crowd(name) for name in self.crowd_names]
        await asyncio.gather(*lanes, *crowds)

    def left(self):
        return self.end - time.monotonic()

    async def lane(self):
        while self.left() > 0:
            await self.one(next(self.numbers))
            # Two cores carry the collector and its honest clients too.
            await asyncio.sleep(0.005)

    async def one(self, number):
        name, data, manner, rng = self.input(number)
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), 2)
        except ConnectionRefusedError:
            # Nobody listens any more: what came last is not to be pushed out.
            self.end = 0.0
            return
        except (OSError, asyncio.TimeoutError):
            self.counts["no connection"] += 1
            return
        self.remember(number, name, data)
        self.counts["inputs"] += 1
        try:
            answer = await asyncio.wait_for(manner(rng, reader, writer, data), 10)
            self.judge(answer)
        except ValueError as error:
            self.problems.append(f"{self.name} {number} ({name}): {error}")
        except (OSError, asyncio.TimeoutError):
            self.counts["cut off"] += 1
        finally:
            writer.transport.abort()

    def judge(self, answer):
        """Counts an answer; raises ValueError where no collector would say that."""
        raise NotImplementedError

    def remember(self, number, name, data):
        self.last.append((number, name, data))
        self.last_bytes += len(data)
        while len(self.last) > REMEMBERED_INPUTS or self.last_bytes > REMEMBERED_BYTES:
            self.last_bytes -= len(self.last.popleft()[2])

    async def crowd(self, name):
        try:
            await self.crowds[name](self)
        except OSError as error:
            self.counts[f"{name}: {error.strerror or type(error).__name__}"] += 1

    def deaf_socket(self):
        """Takes almost nothing of what is sent to it."""
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", self.port))
        peer.setblocking(False)
        return peer

    async def connections(self, count):
        """So many, or fewer where there is no room."""
        opened = []
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            for _ in range(count):
                opened.append(await asyncio.wait_for(
                    asyncio.open_connection("127.0.0.1", self.port), 1))
        return opened


async def come_and_go(side, count, first, drip=b""):
    """A crowd for some seconds, again and again; between, there is room for the lanes."""
    while side.left() > 4:
        crowd = await side.connections(count)
        for _, writer in crowd:
            writer.write(first)
        for _ in range(4):
            await asyncio.sleep(1)
            for _, writer in crowd:
                writer.write(drip)
        drop(crowd)
        side.counts["come and gone"] += len(crowd)
        await asyncio.sleep(min(8, max(0, side.left())))


def drop(connections):
    for _, writer in connections:
        writer.transport.abort()


# ---------------------------------------------------------------------- frames


async def strangers(side):
    """Nearly a thousand connections that never greet."""
    await come_and_go(side, 900, b"")


async def guests(side):
    """Hundreds that greet, and say nothing more."""
    await come_and_go(side, 800, hello())


async def half_frames(side):
    """A frame that never ends, a byte now and then."""
    crowd = await side.connections(40)
    for _, writer in crowd:
        writer.write(hello() + (60000).to_bytes(4, "big"))
    while side.left() > 0.5:
        for _, writer in crowd:
            writer.write(b"\0")
        await asyncio.sleep(0.5)
    drop(crowd)


async def ever_new_epochs(side):
    """Each record calls for a reply of its own, and none is read."""
    pb = protocol()
    peer = side.deaf_socket()
    loop = asyncio.get_running_loop()
    taken = 0
    try:
        await loop.sock_sendall(peer, hello())
        for first in range(1, 200000, 200):
            data = b"".join(frame(pb.Envelope(
                run_id="hostile-epochs".ljust(256, "-"), epoch=epoch, sequence=1, unix_time_ns=10**18,
                gap=pb.Gap(first_sequence=1))) for epoch in range(first, first + 200))
            await asyncio.wait_for(loop.sock_sendall(peer, data), max(0.1, min(20, side.left())))
            taken = first + 199
            await asyncio.sleep(0.01)
            if side.left() < 0:
                break
    except (OSError, asyncio.TimeoutError):
        pass
    side.counts["records of ever new epochs that were taken, replies unread"] = taken
    # Closed at the end only: what waits for it waits as long as it may.
    await asyncio.sleep(max(0, side.left()))
    peer.close()


async def large_texts(side):
    """The largest records in one run, of what takes the most room in JSON."""
    pb = protocol()
    reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
    writer.write(hello())
    silence = asyncio.create_task(listen(reader, side.left(), most=1 << 40))
    for sequence in range(1, 301):
        kind = {"warning": pb.Warning(step=1, message="\x01" * 65000)}
        if sequence % 100 == 0:
            kind = {"run_started": pb.RunStarted(
                run_id="hostile-large", configuration="\x01" * 30000, world_size=1, lanes_per_rank=1,
                hosts=[""] * 15000, kernel_id="", total_steps=1, trainable_parameters=1, name="large")}
        writer.write(frame(pb.Envelope(
            run_id="hostile-large", epoch=1, sequence=sequence, unix_time_ns=10**18, **kind)))
        await writer.drain()
        await asyncio.sleep(0.02)
        side.counts["large texts"] = sequence
        if side.left() < 0:
            break
    silence.cancel()
    writer.transport.abort()


async def many_runs(side):
    """Thousands of runs, all of which a list of runs has."""
    pb = protocol()
    reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
    writer.write(hello())
    silence = asyncio.create_task(listen(reader, side.left(), most=1 << 40))
    for number in range(3000):
        writer.write(frame(pb.Envelope(
            run_id=f"hostile-many-{number}", epoch=1, sequence=1, unix_time_ns=time.time_ns(),
            run_started=pb.RunStarted(
                run_id="", configuration="x" * 3000, world_size=1, lanes_per_rank=1, kernel_id="", total_steps=1,
                trainable_parameters=1, name=f"many {number % 7}"))))
        await writer.drain()
        side.counts["many runs"] += 1
        await asyncio.sleep(0.003)
        if side.left() < 0:
            break
    silence.cancel()
    writer.transport.abort()


class FrameAttackers(Attackers):
    name = "frames"
    inputs = hostile_frames.FRAME_INPUTS
    crowds = {function.__name__: function for function in (
        strangers, guests, half_frames, ever_new_epochs, large_texts, many_runs)}

    def judge(self, answer):
        said = set()
        while len(answer) >= 4:
            length = int.from_bytes(answer[:4], "big")
            if not 0 < length <= MAXIMUM_BYTES:
                raise ValueError(f"a reply of {length} bytes")
            if len(answer) < 4 + length:
                break
            fields = protocol().Reply.FromString(answer[4:4 + length]).ListFields()
            if len(fields) != 1:
                raise ValueError("a reply that says not exactly one thing")
            said.add(fields[0][0].name)
            answer = answer[4 + length:]
        self.counts.update(said)


# ---------------------------------------------------------------------- requests


async def slow_headers(side):
    """Slow loris: headers that never end."""
    await come_and_go(side, 300, b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ", drip=b"y")


async def idle(side):
    """Hundreds that ask once and stay."""
    await come_and_go(side, 300, hostile_requests.request("/healthz"))


async def few_that_stay(side):
    """The same in small numbers, to the end."""
    crowd = await side.connections(20)
    for _, writer in crowd:
        writer.write(hostile_requests.request("/healthz") + b"GET /")
    while side.left() > 1:
        await asyncio.sleep(1)
        for _, writer in crowd[:10]:
            writer.write(b"y")
    side.counts["of 20 that stay, cut off"] = [await is_cut_off(reader) for reader, _ in crowd].count(True)
    drop(crowd)


async def is_cut_off(reader):
    await listen(reader, 0.01)
    return reader.at_eof() or reader.exception() is not None


async def deaf_readers(side):
    """Ask for the largest answers and read none."""
    places = ["/api/runs", "/metrics", "/page.js", "/api/runs/hostile-large/records?limit=5000",
              "/api/runs/hostile-epochs/records"]
    peers = []
    while side.left() > 1:
        if len(peers) < 20:
            with contextlib.suppress(OSError):
                peers.append(side.deaf_socket())
                peers[-1].send(b"".join(map(hostile_requests.request, places)) * 5)
        await asyncio.sleep(1)
    for peer in peers:
        peer.close()


class RequestAttackers(Attackers):
    name = "requests"
    inputs = hostile_requests.REQUEST_INPUTS
    crowds = {function.__name__: function for function in (slow_headers, idle, few_that_stay, deaf_readers)}

    def judge(self, answer):
        if not answer:
            self.counts["no answer"] += 1
            return
        status = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
        if not status:
            raise ValueError(f"no answer of HTTP: {answer[:100]!r}")
        self.counts[status[1].decode()] += 1
        if status[1].startswith(b"5"):
            raise ValueError(f"a request makes the server fail: {answer[:300]!r}")


SIDES = {side.name: side for side in (FrameAttackers, RequestAttackers)}


# ---------------------------------------------------------------------- from outside


class AttackingProcess:
    """One side's attackers, at work from its making on."""

    def __init__(self, side, port, seed, seconds, chosen):
        self.side = side
        fork = multiprocessing.get_context("fork")
        self.pipe, pipe = fork.Pipe()
        self.process = fork.Process(target=work, args=(SIDES[side](port, seed, seconds, chosen), pipe), daemon=True)
        self.process.start()

    def outcome(self):
        """Waits for the end: what was counted, and what was wrong."""
        try:
            return self.pipe.recv()
        except EOFError:
            return {}, [f"the attackers of {self.side} failed themselves"]

    def inputs(self):
        """The last ones as (number, name, bytes), the newest last; ends the process."""
        with contextlib.suppress(OSError, EOFError):
            self.pipe.send("inputs")
            return self.pipe.recv()
        return []

    def stop(self):
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()


def work(attackers, pipe):
    # It would tell of each connection that is cut off while something is sent.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    asyncio.run(attackers.attack())
    pipe.send((attackers.counts, attackers.problems))
    pipe.recv()
    pipe.send(list(attackers.last))

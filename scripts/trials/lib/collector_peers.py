"""A collector and clients of it, for scripts that try one.

The client is written from docs/progress-protocol.md and proto/progress.proto alone, with protobuf's own
generated Python: whoever writes another client finds an example here.
"""

import asyncio
import collections
import contextlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time

from lib.repository import PROGRAMS
from trials.lib.wire import frame, protocol


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Collector:
    """The program, with one store; started again it keeps its ports."""

    def __init__(self, folder, *flags, http=False, quiet=True, program=PROGRAMS / "lora-collector", errors=None):
        """`errors` is a file for what it says on standard error, a crash's backtrace for one."""
        self.program = program
        self.errors = errors
        self.store = folder / "runs.sqlite"
        self.flags = [*flags, "--quiet"] if quiet else flags
        self.port = 0
        self.page = free_port() if http else None
        self.process = None

    def start(self):
        http = f"127.0.0.1:{self.page}" if self.page else "off"
        self.process = subprocess.Popen(
            [self.program, "--listen", f"127.0.0.1:{self.port}", "--http", http, "--store", self.store,
             *self.flags], stdout=subprocess.PIPE, stderr=self.errors, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            sys.exit(f"error: the collector did not start: {line}")
        self.port = int(line.split(",")[0].rsplit(":", 1)[1])
        if self.page:
            self.process.stdout.readline()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def terminate(self, seconds):
        """Exit code after a SIGTERM; None if it did not end in this time and was killed."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def peak_memory_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))

    def descriptors(self):
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rows(self):
        """(run, epoch, sequence) of every record."""
        with contextlib.closing(sqlite3.connect(self.store)) as database:
            return database.execute(
                "SELECT id, epoch, sequence FROM record JOIN run ON number = run").fetchall()


class Client:
    """Sends the records of a run, and again what was not acknowledged when a connection broke."""

    def __init__(self, run, epochs, count):
        self.pb = protocol()
        self.run = run
        self.rng = random.Random(run)
        self.waiting = collections.deque(
            (epoch, sequence) for epoch in epochs for sequence in range(1, count + 1))
        self.sent = 0
        self.connections = 0

    def envelope(self, epoch, sequence):
        envelope = self.pb.Envelope(
            run_id=self.run, epoch=epoch, sequence=sequence, unix_time_ns=time.time_ns())
        if sequence % 50:
            envelope.step.CopyFrom(self.pb.Step(
                step=sequence, epoch=0, loss=1 / sequence, target_tokens=10, tokens=20,
                tokens_per_second=100, learning_rate=1e-4, gradient_norm=1, compute_seconds=0.1,
                reduce_seconds=0.01, update_seconds=0.001))
        else:
            envelope.checkpoint.CopyFrom(self.pb.Checkpoint(
                step=sequence, path="checkpoints", bytes=1, seconds=0.1, manifest_sha256="00"))
        return envelope

    async def reply(self, reader):
        length = int.from_bytes(await reader.readexactly(4), "big")
        return self.pb.Reply.FromString(await reader.readexactly(length))

    async def serve(self, port, pause):
        """One connection, to its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self.connections += 1
        try:
            writer.write(frame(self.pb.Hello(version=1)))
            if not (await self.reply(reader)).HasField("welcome"):
                raise ConnectionError("refused")
            sending = asyncio.create_task(self.send(writer, pause))
            try:
                while self.waiting:
                    self.acknowledged((await self.reply(reader)).acknowledgement)
            finally:
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                    await sending
        finally:
            writer.close()

    async def send(self, writer, pause):
        for place in list(self.waiting):
            writer.write(frame(self.envelope(*place)))
            self.sent += 1
            await writer.drain()
            if pause:
                await asyncio.sleep(pause)

    def acknowledged(self, ack):
        while self.waiting and self.waiting[0][0] == ack.epoch and self.waiting[0][1] <= ack.sequence:
            self.waiting.popleft()

    async def run_to_the_end(self, port, pause=0.0005):
        while self.waiting:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, OSError):
                await self.serve(port, pause)
            await asyncio.sleep(self.rng.uniform(0.005, 0.05))

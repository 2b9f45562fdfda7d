"""Collectors that misbehave, one way each, for scripts that try what a training run makes of them.

A misbehaviour of MISBEHAVIOURS talks to one connection; what it says is written from
docs/progress-protocol.md, and what is wrong with it is its name.
"""

import contextlib
import itertools
import random
import socket
import struct
import threading
import time

from trials.lib.hostile_frames import UNSIGNED
from trials.lib.wire import MAXIMUM_BYTES, field, frame, framed, protocol, received, received_frame

MISBEHAVIOURS = {}


def misbehaviour(function):
    MISBEHAVIOURS[function.__name__.replace("_", "-")] = function
    return function


class Peer:
    """A connection from a worker, and the number of it among those of the run."""

    def __init__(self, connection, number):
        self.connection = connection
        self.number = number
        self.pb = protocol()

    def read(self, count):
        return received(self.connection, count)

    def message(self):
        return received_frame(self.connection)

    def greet(self):
        """Takes the hello and answers as a collector does."""
        self.message()
        self.say(welcome=self.pb.Welcome(version=1))

    def envelope(self):
        return self.pb.Envelope.FromString(self.message())

    def say(self, **reply):
        self.connection.sendall(frame(self.pb.Reply(**reply)))

    def acknowledge(self, run, epoch, sequence):
        self.say(acknowledgement=self.pb.Acknowledgement(run_id=run, epoch=epoch, sequence=sequence))

    def wait(self):
        """Does nothing more, until the listener is closed."""
        threading.Event().wait()


class BadCollector:
    """Listens as long as the with statement runs; every connection gets the same misbehaviour."""

    def __init__(self, function):
        self.function = function
        self.connections = []
        self.listener = socket.socket()
        # Accepted sockets inherit it: nobody's kernel takes for us what we do not read.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        # A thread that waits in accept would keep a socket open that is only closed.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                peer = Peer(connection, len(self.connections))
                threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        # What a bad collector stumbles over is no matter.
        with contextlib.suppress(OSError, ValueError):
            self.function(peer)
        peer.connection.close()


# ---------------------------------------------------------------------- what they do


@misbehaviour
def never_answers(peer):
    """Accepts, and that is all."""
    peer.wait()


@misbehaviour
def reads_a_byte_a_second(peer):
    """Welcomes, so that there is something to read."""
    peer.greet()
    while True:
        peer.read(1)
        time.sleep(1)


@misbehaviour
def answers_garbage(peer):
    """Noise, noise in frames, half replies, texts of other protocols: one kind a connection."""
    rng = random.Random(peer.number)
    peer.message()
    reply = frame(peer.pb.Reply(acknowledgement=peer.pb.Acknowledgement(run_id="run", epoch=1, sequence=1)))
    peer.connection.sendall(rng.choice([
        rng.randbytes(5000), b"".join(framed(rng.randbytes(50)) for _ in range(100)),
        reply[:rng.randrange(1, len(reply))], b"HTTP/1.1 400 Bad Request\r\n\r\n", framed(b"\x08" * 60000),
        framed(field(2, 2, b"\xff" * 100)), framed(field(2, 2, field(1, 2, b"\xff\xfe"))), framed(b"") * 100,
        framed(field(3, 2, field(1, 2, b"\xc0\x80")))]))
    time.sleep(0.1)


@misbehaviour
def welcomes_and_closes(peer):
    peer.greet()


@misbehaviour
def resets(peer):
    """Welcomes, takes some records and breaks the connection off."""
    peer.greet()
    for _ in range(20):
        peer.envelope()
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@misbehaviour
def acknowledges_nothing(peer):
    peer.greet()
    while True:
        peer.read(1024)


@misbehaviour
def refuses_at_length(peer):
    """One refusal as long as a frame, in control characters; or thousands, each with another text."""
    peer.message()
    if peer.number % 2:
        peer.say(refusal=peer.pb.Refusal(reason="\x1b[2J no \r\n" * 6000))
    peer.connection.sendall(b"".join(
        frame(peer.pb.Reply(refusal=peer.pb.Refusal(reason=f"reason {peer.number} {number}")))
        for number in range(3000)))


@misbehaviour
def acknowledges_others(peer):
    """Other runs, other epochs, sequence 0: nothing that was sent."""
    rng = random.Random(peer.number)
    peer.greet()
    while True:
        envelope = peer.envelope()
        run, epoch = envelope.run_id, envelope.epoch
        for others in (("", epoch), (run + "x", epoch), (run[:-1], epoch), (run, epoch - 1), (run, epoch + 1),
                       (run, 0), (run, 2**64 - 1)):
            peer.acknowledge(*others, rng.choice(UNSIGNED))
        peer.acknowledge(run, epoch, 0)


@misbehaviour
def acknowledges_too_much(peer):
    """More than was sent, and before it was: what it has taken is lost by its own word, no other thing."""
    peer.greet()
    while True:
        envelope = peer.envelope()
        for sequence in (2**64 - 1, 2**63, envelope.sequence + 10**6):
            peer.acknowledge(envelope.run_id, envelope.epoch, sequence)


@misbehaviour
def replies_as_large_as_possible(peer):
    """Replies of 65,536 bytes, of one more, of none, and of 4 GiB that keep coming."""
    peer.message()
    filler = field(99, 2, bytes(MAXIMUM_BYTES - 13))
    largest = framed(peer.pb.Reply(welcome=peer.pb.Welcome(version=1)).SerializeToString() + filler)
    peer.connection.sendall(largest)
    peer.envelope()
    last = [largest * 200, framed(bytes(MAXIMUM_BYTES + 1)), bytes(4), b"\xff" * 4 + bytes(1 << 20)]
    peer.connection.sendall(last[peer.number % len(last)])
    peer.connection.settimeout(2)
    peer.connection.sendall(bytes(1 << 20))


@misbehaviour
def never_stops_talking(peer):
    """Thousands of welcomes and acknowledgements a second, for nothing."""
    peer.greet()
    run, epoch = (envelope := peer.envelope()).run_id, envelope.epoch
    some = b"".join(frame(peer.pb.Reply(**reply)) for reply in (
        {"welcome": peer.pb.Welcome(version=2**32 - 1)},
        {"acknowledgement": peer.pb.Acknowledgement(run_id=run, epoch=epoch, sequence=0)},
        {"acknowledgement": peer.pb.Acknowledgement(run_id="x" * 60000, epoch=epoch, sequence=1)}))
    for _ in itertools.count():
        peer.connection.sendall(some * 10)
        time.sleep(0.01)

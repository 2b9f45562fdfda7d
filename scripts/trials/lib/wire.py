"""Frames of progress reports as bytes, from docs/progress-protocol.md and proto/progress.proto alone.

The messages are protobuf's own generated Python; what no generated code would write is put together by hand.
"""

import importlib
import subprocess
import sys
import tempfile

from lib.repository import ROOT

MAXIMUM_BYTES = 65536
# The runtime that goes with Debian 12's protoc.
RUNTIME = "protobuf==4.21.12"


def protocol():
    """The generated module of proto/progress.proto."""
    if "progress_pb2" not in sys.modules:
        folder = tempfile.mkdtemp(prefix="progress-protocol-")
        subprocess.run(
            ["protoc", f"--proto_path={ROOT / 'proto'}", f"--python_out={folder}", "progress.proto"],
            check=True)
        sys.path.insert(0, folder)
    return importlib.import_module("progress_pb2")


def framed(data):
    """Bytes, which need be no message, with their length before them."""
    return len(data).to_bytes(4, "big") + data


def frame(message):
    """A protobuf message with its length before it."""
    return framed(message.SerializeToString())


def hello(**fields):
    return frame(protocol().Hello(**{"version": 1, **fields}))


def received(connection, count):
    """So many bytes of a socket."""
    data = bytearray()
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("the other side closed")
        data += more
    return bytes(data)


def received_frame(connection):
    """What the next frame of a socket holds."""
    return received(connection, int.from_bytes(received(connection, 4), "big"))


def varint(value):
    value &= 2**64 - 1
    encoded = bytearray()
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


def field(number, wire, content=b""):
    """A field with any wire type; 2 gets its length."""
    length = varint(len(content)) if wire == 2 else b""
    return varint(number << 3 | wire) + length + content

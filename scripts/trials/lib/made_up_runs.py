"""Sends records of runs that never were to a collector (scripts/trials/page)."""

import math
import socket
import sys
import threading

from trials.lib.wire import frame, hello, protocol, received_frame


class Sender:
    """One connection a call; returns when all is stored."""

    def __init__(self, port):
        self.port = port
        self.pb = protocol()
        self.sequences = {}

    def send(self, envelopes):
        waiting = {(envelope.run_id, envelope.epoch): envelope.sequence for envelope in envelopes}
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(hello())
            if not self.reply(connection).HasField("welcome"):
                sys.exit("error: the collector refuses a greeting")
            data = b"".join(frame(envelope) for envelope in envelopes)
            # Beside reading: acknowledgements that nobody reads would stop the collector.
            threading.Thread(target=connection.sendall, args=(data,), daemon=True).start()
            while waiting:
                reply = self.reply(connection)
                if reply.HasField("refusal"):
                    sys.exit(f"error: the collector refuses a record: {reply.refusal.reason}")
                done = reply.acknowledgement
                if waiting.get((done.run_id, done.epoch)) == done.sequence:
                    del waiting[done.run_id, done.epoch]

    def reply(self, connection):
        return self.pb.Reply.FromString(received_frame(connection))

    # ------------------------------------------------------------ records; `seconds`: when each was made

    def envelope(self, run, seconds, epoch=1, **record):
        (kind, fields), = record.items()
        sequence = self.sequences[run, epoch] = self.sequences.get((run, epoch), 0) + 1
        envelope = self.pb.Envelope(
            run_id=run, epoch=epoch, sequence=sequence, unix_time_ns=int(seconds * 1e9))
        message = getattr(self.pb, "".join(part.capitalize() for part in kind.split("_")))
        getattr(envelope, kind).CopyFrom(message(**fields))
        return envelope

    def start(self, run, seconds, name, total, epoch=1, **more):
        return self.envelope(run, seconds, epoch, run_started={
            "run_id": run, "configuration": "lr: 0.0002\n", "world_size": 2, "lanes_per_rank": 1,
            "hosts": ["a", "b"], "kernel_id": "none", "total_steps": total, "trainable_parameters": 1,
            "name": name, **more})

    def step(self, run, seconds, step, epoch=1, **more):
        return self.envelope(run, seconds, epoch, step={
            "step": step, "epoch": 0, "loss": 2 + 3 / (1 + step / 2000) + 0.2 * math.sin(step),
            "target_tokens": 100, "tokens": 300, "tokens_per_second": 300 + 20 * math.sin(step / 9),
            "learning_rate": 1e-4, "gradient_norm": 1 + 0.3 * math.cos(step),
            "compute_seconds": 0.8, "reduce_seconds": 0.1, "update_seconds": 0.05,
            "rank_compute_seconds": [0.8, 0.7], "rank_peak_memory_bytes": [3 << 30, 2 << 30], **more})

    def checkpoint(self, run, seconds, step, epoch=1):
        return self.envelope(run, seconds, epoch, checkpoint={
            "step": step, "path": f"checkpoints/step-{step:08}", "bytes": 1 << 20, "seconds": 0.1,
            "manifest_sha256": "00"})

    def evaluation(self, run, seconds, step, loss, epoch=1):
        return self.envelope(run, seconds, epoch, evaluation={
            "step": step, "loss": loss, "target_tokens": 100, "samples": 10, "seconds": 0.5})

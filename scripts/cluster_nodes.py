"""A cluster of nodes on one machine: network namespaces on a bridge, for scripts that need several hosts.

Needs root. A node has an address and a host name of its own, and its own shared memory; it may have a
disk of its own. What is started in a node ends with the cluster.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

NODES = 3
# One more machine that computes nothing: a supervisor there outlives every node. (On a node of the
# job, mpirun puts rank 0 beside itself.)
HEAD = NODES
ENVIRONMENT = os.environ | {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}


def run(*command, check=True, **options):
    return subprocess.run(command, check=check, text=True, capture_output=True, **options)


class Cluster:
    """Nodes 10.77.0.1 … .3 and a head on a bridge; each has its own host name and shared memory."""

    def __init__(self, scratch):
        self.prefix = f"lt{os.getpid()}"
        self.scratch = scratch
        self.local = None
        self.agent = scratch / "agent"
        self.hostfile = scratch / "hosts"

    def name(self, node):
        return f"{self.prefix}n{node}"

    @staticmethod
    def address(node):
        return f"10.77.0.{node + 1}"

    def __enter__(self):
        switch = self.prefix + "sw"
        run("ip", "netns", "add", switch)
        run("ip", "-n", switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", switch, "link", "set", "br0", "up")
        for node in range(NODES + 1):
            name, port = self.name(node), f"v{os.getpid()}{node}"
            run("ip", "netns", "add", name)
            run("ip", "link", "add", port, "netns", switch, "type", "veth", "peer", "name", "eth0",
                "netns", name)
            run("ip", "-n", switch, "link", "set", port, "master", "br0", "up")
            run("ip", "-n", name, "addr", "add", self.address(node) + "/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        self.agent.write_text(f"""#!/bin/sh
host=$1; shift
node={self.prefix}n$(( ${{host##*.}} - 1 ))
# A node whose link is down cannot be reached from outside.
[ "$node" = "$TORTURE_NODE" ] || ip netns exec "$TORTURE_NODE" ping -c 1 -W 1 "$host" >/dev/null 2>&1 || exit 255
folder={self.scratch}/disk-$node
exec ip netns exec "$node" unshare -u -m -- /bin/sh -c \\
    "hostname $node; mount -t tmpfs none /dev/shm; [ ! -d $folder ] || mount --bind $folder {self.scratch}/local; $*"
""")
        self.agent.chmod(0o755)
        self.hostfile.write_text("".join(f"{self.address(n)} slots=1\n" for n in range(NODES)))
        return self

    @contextlib.contextmanager
    def disks(self):
        """Gives each node a disk of its own at `local`: no node sees another's files there."""
        self.local = self.scratch / "local"
        self.local.mkdir()
        for node in range(NODES + 1):
            (self.scratch / f"disk-{self.name(node)}").mkdir()
        try:
            yield self.local
        finally:
            self.local = None
            for name in ["local"] + [f"disk-{self.name(node)}" for node in range(NODES + 1)]:
                shutil.rmtree(self.scratch / name, ignore_errors=True)

    def __exit__(self, *_):
        for node in range(NODES + 1):
            self.kill_node(node)
            run("ip", "netns", "del", self.name(node), check=False)
        run("ip", "netns", "del", self.prefix + "sw", check=False)

    def link(self, node, state):
        run("ip", "-n", self.prefix + "sw", "link", "set", f"v{os.getpid()}{node}", state)

    def start(self, node, *command, mounts="", **options):
        """Starts `command` in a node; `mounts` are shell commands that prepare what it sees of disks."""
        bind = f"mount --bind {self.scratch}/disk-{self.name(node)} {self.local}; " if self.local else ""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name(node), "unshare", "-u", "-m", "--", "/bin/sh", "-c",
             f'hostname {self.name(node)}; mount -t tmpfs none /dev/shm; {bind}{mounts} exec "$@"', "-",
             *map(str, command)], **options)

    def kill_node(self, node, number=signal.SIGKILL):
        """Sends a signal to all that runs in a node, as often as needed until nothing is left."""
        while pids := run("ip", "netns", "pids", self.name(node)).stdout.split():
            for process in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), number)

    def processes(self, node, pattern):
        found = []
        for process in run("ip", "netns", "pids", self.name(node)).stdout.split():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
                if words and os.path.basename(words[0].decode()) == pattern:
                    found.append(int(process))
        return found

    def everybody(self, pattern):
        return [p for node in range(NODES) for p in self.processes(node, pattern)]

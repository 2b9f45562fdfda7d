"""A cluster of nodes on one machine: network namespaces on a bridge, for scripts that need several hosts.

Needs root. A node has an address and a host name of its own, and its own shared memory; it may have a
disk of its own. What is started in a node ends with the cluster.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

NODES = 3
# One more machine that computes nothing: a supervisor there outlives every node. (On a node of the
# job, mpirun puts rank 0 beside itself.)
HEAD = NODES


def run(*command, check=True, **options):
    return subprocess.run(command, check=check, text=True, capture_output=True, **options)


def cgroups(core, share):
    """(Controllers, settings) for each hierarchy of control groups that limits processors."""
    period = 100_000
    quota = f"{int(share * period)}"
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return [("", [("cpuset.cpus", str(core)), ("cpu.max", f"{quota} {period}")])]
    named = [line.split(":")[1] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    cpuset = next(kinds for kinds in named if "cpuset" in kinds.split(","))
    cpu = next(kinds for kinds in named if "cpu" in kinds.split(","))
    return [(cpuset, [("cpuset.mems", "0"), ("cpuset.cpus", str(core))]),
            (cpu, [("cpu.cfs_period_us", str(period)), ("cpu.cfs_quota_us", quota)])]


def control_folder(kinds):
    return Path("/sys/fs/cgroup") / kinds


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
# A node whose link is down cannot be reached from outside. Asked twice, as ssh would be: right after a link has
# come up, the first packet may be lost.
reach() {{ ip netns exec "$TORTURE_NODE" ping -c 1 -W 1 "$host" >/dev/null 2>&1; }}
[ "$node" = "$TORTURE_NODE" ] || reach || reach || exit 255
folder={self.scratch}/disk-$node
exec ip netns exec "$node" unshare -u -m -- /bin/sh -c \\
    "hostname $node; mount -t tmpfs none /dev/shm; [ ! -e {self.scratch}/limits-$node ] || . {self.scratch}/limits-$node; [ ! -d $folder ] || mount --bind $folder {self.scratch}/local; $*"
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
            self.lift_limits(node)
            run("ip", "netns", "del", self.name(node), check=False)
        run("ip", "netns", "del", self.prefix + "sw", check=False)

    def link(self, node, state):
        run("ip", "-n", self.prefix + "sw", "link", "set", f"v{os.getpid()}{node}", state)

    def limit(self, node, core, share):
        """Gives what is started in a node from now on one core, and of its time the share (0 to 1)."""
        joins = []
        for kinds, settings in cgroups(core, share):
            folder = control_folder(kinds) / self.name(node)
            folder.mkdir()
            for name, value in settings:
                (folder / name).write_text(value)
            kind = f"-t cgroup -o {kinds}" if kinds else "-t cgroup2"
            # `ip netns exec` hides the system's own mounts.
            joins.append(f"mkdir /dev/shm/c; mount {kind} none /dev/shm/c; "
                         f"echo $$ > /dev/shm/c/{self.name(node)}/cgroup.procs; "
                         "umount /dev/shm/c; rmdir /dev/shm/c")
        (self.scratch / f"limits-{self.name(node)}").write_text("; ".join(joins) + "\n")

    def lift_limits(self, node):
        for kinds, _ in cgroups(0, 1):
            folder = control_folder(kinds) / self.name(node)
            for _ in range(100):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    # Its last processes are about to end.
                    time.sleep(0.05)

    def start(self, node, *command, mounts="", **options):
        """Starts `command` in a node; `mounts` are shell commands that prepare what it sees of disks."""
        limits = self.scratch / f"limits-{self.name(node)}"
        mounts = (f". {limits}; " if limits.exists() else "") + mounts
        bind = f"mount --bind {self.scratch}/disk-{self.name(node)} {self.local}; " if self.local else ""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name(node), "unshare", "-u", "-m", "--", "/bin/sh", "-c",
             f'hostname {self.name(node)}; mount -t tmpfs none /dev/shm; {bind}{mounts} exec "$@"', "-",
             *map(str, command)], **options)

    def kill_node(self, node, number=signal.SIGKILL):
        """Sends a signal to all that runs in a node, as often as needed until nothing is left."""
        end = time.monotonic() + 60
        while pids := run("ip", "netns", "pids", self.name(node)).stdout.split():
            if time.monotonic() > end:
                raise RuntimeError(f"processes {' '.join(pids)} of node {node} do not end")
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

"""A SLURM of one machine, with daemons of its own: no systemd, no accounting, nothing outside its folder."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

CPUS = 8  # more than the machine has: jobs wait for the GPU, not for these

CONFIGURATION = """\
ClusterName=regrade
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MailProg=/bin/true
ReturnToService=2
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
# Without accounting, what became of a job is known as long as the controller remembers it
MinJobAge=3600
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
KillWait=2
OverTimeLimit=0
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES DefaultTime=10 MaxTime=1440 State=UP
PartitionName=gpu Nodes={host} DefaultTime=10 MaxTime=1440 State=UP
"""


class Cluster:
    """One node with a GPU that does not exist, and the partitions cpu and gpu."""

    def __init__(self) -> None:
        # Short, since it holds a socket; open to all, since munged insists on it
        self.folder = Path(tempfile.mkdtemp(prefix="regrade-slurm-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.host = socket.gethostname().split(".")[0]
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"], "/usr/sbin"])
        self.environment = os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def start(self) -> None:
        """Start the daemons and wait until the node takes jobs; RuntimeError with their logs if that does not happen."""
        self._write()
        folder = self.folder
        munged = ["munged", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket"]
        munged += [f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/seed"]
        for command in (munged, ["slurmctld"], ["slurmd"]):
            self.run(*command)
        deadline = time.monotonic() + 30
        while self.run("sinfo", "--noheader", "--format=%T", check=False).split() != ["idle"]:
            if time.monotonic() > deadline:
                logs = "\n".join(path.read_text() for path in folder.glob("*.log"))
                raise RuntimeError(f"SLURM did not come up:\n{logs}")
            time.sleep(0.3)

    def _write(self) -> None:
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        # Any character device will do: jobs are given its number, and nothing reads it
        (self.folder / "gpu0").symlink_to("/dev/null")
        (self.folder / "gres.conf").write_text(f"NodeName={self.host} Name=gpu File={self.folder}/gpu0\n")
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(folder=self.folder, host=self.host, ports=_free_ports(2), cpus=CPUS)
        )
        # The executor plugin drops SLURM_CONF within jobs; real clusters have it where srun looks for it by itself
        srun = self.folder / "bin/srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec /usr/bin/srun "$@"\n')
        srun.chmod(0o755)

    def run(self, *command: str, check: bool = True) -> str:
        """What a command of SLURM prints."""
        options = {"env": self.environment, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        answer = subprocess.run(command, **options)
        if check and answer.returncode:
            raise RuntimeError(f"{' '.join(command)}: {answer.stdout}")
        return answer.stdout

    def jobs(self) -> list[dict[str, str]]:
        """All jobs so far, in the order of their submission: SLURM's own fields."""
        lines = self.run("scontrol", "--oneliner", "show", "jobs").splitlines()
        return [
            dict(field.split("=", 1) for field in line.split() if "=" in field) for line in lines if "JobId" in line
        ]

    def stop(self) -> None:
        """Cancel all jobs, end the daemons and remove their folder."""
        self.run("scancel", "--user=root", check=False)
        self.run("scancel", "--user=root", "--signal=KILL", check=False)
        for name in ("slurmd", "slurmctld", "munged"):
            file = self.folder / f"{name}.pid"
            if file.exists():
                _end(int(file.read_text()))
        shutil.rmtree(self.folder)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _end(pid: int) -> None:
    """End a daemon, by force if it takes too long."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(40):
            try:
                os.kill(pid, how)
            except ProcessLookupError:
                return
            time.sleep(0.25)

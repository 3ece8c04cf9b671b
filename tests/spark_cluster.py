"""A Spark cluster on this machine: a master, two workers of one core each and a Spark Connect server, each its own
process. It ends with the standard input of this script.

Told first are the ports: one line of JSON. Then each line of standard input is done and answered by a line:

freeze    the executor of the second worker stands still
await     wait until it was given a task, and has not answered
kill      it and its worker are gone, and wait until the driver has noticed
revive    a worker in its place, and wait until the driver has its executor

The server ends each answer's stream after a second or some bytes, as Spark's own tests have it: whole answers are those
that were asked for again.
"""

import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pyspark

HOME = pathlib.Path(pyspark.__file__).parent
HERE = "127.0.0.1"
PATIENCE = 120

TOKEN = sys.argv[1]
folder = tempfile.TemporaryDirectory(prefix="spark-cluster-")
root = pathlib.Path(folder.name)
environment = os.environ | {
    "SPARK_HOME": str(HOME),
    "SPARK_LOCAL_IP": HERE,
    "SPARK_DAEMON_MEMORY": "1g",
    "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
    "SPARK_LOCAL_DIRS": str(root / "scratch"),
    "SPARK_LOG_DIR": str(root),
    "SPARK_CONNECT_AUTHENTICATE_TOKEN": TOKEN,
}
libc = ctypes.CDLL(None, use_errno=True)
processes = {}


def die_with_parent():
    PR_SET_PDEATHSIG = 1
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as listener:
        listener.bind((HERE, 0))
        return listener.getsockname()[1]


def log(name):
    path = root / f"{name}.log"
    return path.read_text(errors="replace") if path.exists() else ""


def wait_for(name, words, since=0):
    """Where the words end in a log, once they are there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := re.search(words, log(name)[since:]):
            return since + found.end()
        for who, process in processes.items():
            if process.poll() is not None:
                sys.exit(f"{who} ended with {process.returncode}:\n{log(who)[-4000:]}")
        time.sleep(0.05)
    sys.exit(f"{words!r} is not in the log of {name}:\n{log(name)[-4000:]}")


def start(name, program, *arguments):
    with open(root / f"{name}.log", "ab") as output:
        processes[name] = subprocess.Popen(
            [HOME / "bin" / program, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=root,
            # A worker's executor is of its group.
            start_new_session=True,
            preexec_fn=die_with_parent,
        )


def start_worker(name):
    worker = "org.apache.spark.deploy.worker.Worker"
    place = ["--host", HERE, "--webui-port", 0, "--work-dir", root / name, master]
    since = len(log(name))
    start(name, "spark-class", worker, "--cores", 1, "--memory", "1g", *place)
    wait_for(name, "Successfully registered with master", since)


def kill(name):
    process = processes.pop(name)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def executor_of(worker):
    """The number and the process of a worker's newest executor."""
    launched = re.findall(r'--executor-id" "(\d+)"', log(worker))
    number = launched[-1]
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if os.getpgid(int(entry.name)) != processes[worker].pid:
                continue
        except (OSError, ProcessLookupError):
            continue
        if b"--executor-id" in command:
            return number, int(entry.name)
    sys.exit(f"{worker} has no executor:\n{log(worker)[-4000:]}")


ports = {"master": free_port(), "server": free_port()}
master = f"spark://{HERE}:{ports['master']}"
start("master", "spark-class", "org.apache.spark.deploy.master.Master", "--host", HERE, "--port", ports["master"], "--webui-port", 0)
wait_for("master", "Starting Spark master at")
for worker in ["worker-1", "worker-2"]:
    start_worker(worker)
settings = {
    "spark.driver.host": HERE,
    "spark.driver.bindAddress": HERE,
    "spark.driver.memory": "1g",
    "spark.executor.memory": "768m",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": 2,
    "spark.sql.warehouse.dir": root / "warehouse",
    # Tasks are given to both executors from the first on.
    "spark.scheduler.minRegisteredResourcesRatio": 1,
    "spark.locality.wait": 0,
    # What a cluster has set for others must not make an answer of less.
    "spark.sql.files.ignoreMissingFiles": "true",
    "spark.sql.files.ignoreCorruptFiles": "true",
    "spark.sql.session.timeZone": "America/New_York",
    "spark.connect.grpc.binding.address": HERE,
    "spark.connect.grpc.binding.port": ports["server"],
    "spark.connect.execute.reattachable.senderMaxStreamDuration": "1s",
    "spark.connect.execute.reattachable.senderMaxStreamSize": 123,
}
confs = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
start("server", "spark-submit", "--master", master, "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", *confs)
wait_for("server", "Spark Connect server started at")
wait_for("server", "Registered executor", wait_for("server", "Registered executor"))
print(json.dumps(ports), flush=True)

frozen = since = None
for line in sys.stdin:
    match line.strip():
        case "freeze":
            since = len(log("server"))
            frozen, process = executor_of("worker-2")
            os.kill(process, signal.SIGSTOP)
        case "await":
            wait_for("server", rf"Starting task .*executor {frozen}\b", since)
        case "kill":
            kill("worker-2")
            # A machine's end is not held against a task, and told in other words than the end of an executor alone.
            lost = rf"Lost task .*executor {frozen}\b|failed because while it was being computed, its executor exited"
            wait_for("server", lost, since)
        case "revive":
            since = len(log("server"))
            start_worker("worker-2")
            wait_for("server", "Registered executor", since)
        case other:
            sys.exit(f"{other!r} is not known")
    print("done", flush=True)

for name in list(processes):
    kill(name)

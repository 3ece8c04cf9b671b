"""Runs a command with a terminal for some of its streams.

The job comes as JSON on stdin: the command, the folder to run it in, and which of `stdout` and `stderr` are a terminal.
What the terminal was sent (`shown`), what the other stream was sent (`piped`) and how the command ended (`status`) go
as JSON to stdout.
"""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios

job = json.load(sys.stdin)
ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
with tempfile.TemporaryFile() as pipe:
    streams = {name: theirs if name in job["terminals"] else pipe for name in ("stdout", "stderr")}
    environment = {"PATH": os.environ["PATH"], "HOME": job["folder"], "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen(
        job["command"], cwd=job["folder"], env=environment, stdin=subprocess.DEVNULL, **streams
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        # How Linux says that nobody writes any more.
        pass
    status = process.wait()
    pipe.seek(0)
    json.dump({"status": status, "shown": shown.decode(), "piped": pipe.read().decode()}, sys.stdout)

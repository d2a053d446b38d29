"""Runs in the guest, without a network: commands come by a virtio port as lines of JSON, and so do the answers."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any


def port() -> Path:
    """The device of the port that the host calls `agent`, once the kernel has it."""
    while True:
        for name in Path("/sys/class/virtio-ports").glob("*/name"):
            if name.read_text().strip() == "agent":
                return Path("/dev", name.parent.name)
        time.sleep(0.05)


def run(ask: dict[str, Any]) -> dict[str, int | str]:
    """The answer to one command; one that is to stay is left running."""
    if ask["stay"]:
        with Path(ask["log"]).open("wb") as log:
            process = subprocess.Popen(ask["argv"], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        return {"code": 0, "out": str(process.pid), "err": ""}
    done = subprocess.run(ask["argv"], input=ask["input"].encode(), capture_output=True, check=False)
    return {
        "code": done.returncode,
        "out": done.stdout.decode(errors="replace"),
        "err": done.stderr.decode(errors="replace"),
    }


def serve() -> None:
    """Answer for as long as the machine runs."""
    with port().open("r+b", buffering=0) as stream:
        stream.write(b"ready\n")
        received = b""
        while True:
            received += stream.read(65536) or b""
            while b"\n" in received:
                line, _, received = received.partition(b"\n")
                answer = json.dumps(run(json.loads(line))).encode() + b"\n"
                while answer:
                    answer = answer[stream.write(answer) :]


serve()

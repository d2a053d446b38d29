"""Units that stand in for k3s and its kin: a shell that says their words, of three eras, and ends as they do."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

WORDS = Path(__file__).parents[1] / "fixtures/units"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A unit, what it says, and how it ends: with an exit code, or not (None), saying its words again and again."""

    unit: str
    words: str
    """The file with them."""
    exits: int | None = 1
    every: str = "5s"
    type: str = "exec"

    def install(self, root: Path) -> None:
        """Write the unit, and the program that it starts."""
        program = root / "usr/local/bin" / self.unit.removesuffix(".service")
        says = f"cat {self.words}"
        shutil.copy(WORDS / self.words, program.parent)
        after = f"exit {self.exits}" if self.exits is not None else f"while sleep 0.5; do {says}; done"
        program.write_text(f"#!/bin/sh\ncd /usr/local/bin\n{says}\n{after}\n")
        program.chmod(0o755)
        wanted = root / "etc/systemd/system/multi-user.target.wants" / self.unit
        wanted.parent.mkdir(exist_ok=True)
        wanted.unlink(missing_ok=True)
        wanted.symlink_to(
            f"../{self.unit}"
        )  # what is wanted by nothing is forgotten once it is stopped, its counter too
        (root / "etc/systemd/system" / self.unit).write_text(
            "[Unit]\nStartLimitIntervalSec=0\n"
            f"[Service]\nType={self.type}\nExecStart=/usr/local/bin/{program.name}\n"
            f"Restart=always\nRestartSec={self.every}\nKillMode=process\nSyslogIdentifier=k3s\n"
        )

    def uninstall(self, root: Path) -> None:
        """Take the unit away."""
        for directory in ("etc/systemd/system", "etc/systemd/system/multi-user.target.wants"):
            (root / directory / self.unit).unlink()

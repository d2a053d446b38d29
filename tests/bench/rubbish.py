"""Records full of rubbish: single bits flipped, files cut off. None of them may keep the exporter from starting."""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.recorder import THIS_BOOT, lives
from tests.bench.report import Goal, Report
from tests.builders import SHOWING, at
from uplink_exporter.app import recalled
from uplink_exporter.families import Scene
from uplink_exporter.history.chronicle import MOST_TRANSITIONS, Chronicle
from uplink_exporter.record import read, writer
from uplink_exporter.record.writer import Progress
from uplink_exporter.settings import parse
from uplink_exporter.web.landing import landing
from uplink_exporter.web.page import Page

FLIPS, QUICK_FLIPS = 1000, 50
CUTS, QUICK_CUTS = 200, 20
SEED = 20211208
WRITES = 12
PAGE = 4096
NOW = at(1e6)

Spoil = Callable[[Path, random.Random], None]


def measure(*, quick: bool) -> Report:
    """Spoil records that ended well and such as a killed exporter leaves, and start with each."""
    rows, kept_from = [], 0
    for spoil, times in ((flip, QUICK_FLIPS if quick else FLIPS), (cut, QUICK_CUTS if quick else CUTS)):
        told = outcomes(spoil, times)
        failed = sum(count for outcome, count in told.items() if outcome.startswith("failed"))
        kept_from += failed
        rows.append((spoil.__name__, *map(str, (times, told["kept"], told["partly"], told["anew"], failed))))
        rows.extend((f"  {outcome}", *[""] * 4, str(count)) for outcome, count in told.items() if "failed" in outcome)
    return Report(
        title="Starts with a spoiled record",
        head=("", "starts", "all kept", "part kept", "begun anew", "failed"),
        rows=rows,
        goals=[Goal(text="spoiled records that keep it from starting or from going on", value=kept_from, limit=0)],
    )


def outcomes(spoil: Spoil, times: int) -> Counter[str]:
    """What became of so many starts, each with a record that was spoiled in another way."""
    chance, told = random.Random(SEED), Counter[str]()
    with left() as records, quiet():
        for number in range(times):
            with TemporaryDirectory(dir=records) as directory:
                whole = records / ("killed" if number % 3 == 0 else "ended")
                spoiled = shutil.copytree(whole, Path(directory, "state"))
                spoil(spoiled, chance)
                told[outcome(spoiled)] += 1
    return told


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, what each start complains of is not logged."""
    ours = logging.getLogger("uplink_exporter")
    level = ours.level
    ours.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        ours.setLevel(level)


@contextmanager
def left() -> Iterator[Path]:
    """Two directories: as the exporter leaves its record when it `ended` well, and when it was `killed`."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
        live, progress = Path(directory, "live"), Progress()
        for state, now in islice(lives("trouble"), WRITES):
            writer.write(live, state, now, progress)
        shutil.copytree(live, Path(directory, "killed"))
        writer.close(progress)
        live.rename(Path(directory, "ended"))
        yield Path(directory)


def flip(directory: Path, chance: random.Random) -> None:
    """Flip one bit anywhere; every other time in the first page, which says what all the others are."""
    path = any_file(directory, chance)
    content = bytearray(path.read_bytes())
    content[chance.randrange(chance.choice((len(content), min(len(content), PAGE))))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def cut(directory: Path, chance: random.Random) -> None:
    """Cut off the end."""
    path = any_file(directory, chance)
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def any_file(directory: Path, chance: random.Random) -> Path:
    """One of the files that hold what was written, the larger the likelier."""
    found = [path for path in sorted(directory.iterdir()) if not path.name.endswith("-shm")]
    (path,) = chance.choices(found, [path.stat().st_size for path in found])
    return path


def outcome(directory: Path) -> str:
    """Start with that record, serve a page, and go on writing: what became of it."""
    try:
        return start(directory)
    except Exception as error:
        return f"failed: {error!r:.60}"


def start(directory: Path) -> str:
    """How much of the record is still there. Raises what would end the exporter, or keep it from going on."""
    boot_id = directory.parent / "sys/kernel/random/boot_id"
    boot_id.parent.mkdir(parents=True)
    boot_id.write_text(THIS_BOOT)
    settings = parse([f"--state.directory={directory}", f"--path.procfs={directory.parent}"], {})
    state = asyncio.run(recalled(settings, NOW))
    scene, page = Scene(state=state, now=NOW, showing=SHOWING), Page()
    page.render(scene, "")
    landing(scene, "/metrics").encode()
    if page.errors:
        raise ValueError(f"no {', '.join(page.errors)}")
    found = state.last(Chronicle) or Chronicle()
    progress = Progress()
    writer.write(directory, state, at(NOW.uptime + 1), progress)
    writer.close(progress)
    again = read(directory)
    if again.memory is None or again.memory.known_until != NOW.uptime + 1:
        raise ValueError("what was written is not there")
    return "anew" if not found.transitions else "kept" if len(found.transitions) == MOST_TRANSITIONS else "partly"

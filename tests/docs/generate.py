"""``python -m tests.docs.generate`` writes what the documents say of the program: blocks, example job, picture."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.clock import NOON, ShiftedClock
from tests.docs.blocks import BLOCKS, fenced
from tests.docs.capabilities import capability_table
from tests.docs.example_job import example_job
from tests.docs.markdown import CONTRIBUTING, DOCUMENTS, ROOT, Fence, fences, manual, with_blocks
from tests.docs.picture import PICTURE, picture
from tests.docs.place import Place, shape
from tests.environment import scrub, set_zone

EXACT = "console"
VARYING = "console, figures vary"
"""A block of a command whose figures differ from day to day: it stays as it is while the rest of its output does."""

EXAMPLE = ROOT / "configs" / "example.toml"


def generated(text: str, place: Callable[[], Place]) -> str:
    """A document as it has to be now. `place`: where its commands run; asked for only if there are any."""

    def content(name: str, stands: str) -> str:
        if name in {EXACT, VARYING}:
            return _console(fences(stands, "console")[0], place(), varying=name == VARYING)
        return BLOCKS[name]()

    return with_blocks(text, content)


def _console(fence: Fence, place: Place, *, varying: bool) -> str:
    """The commands of a block with what they say now."""
    parts = []
    for command in fence.commands:
        said = place.shell(command)
        if said.exit_code:
            raise ValueError(f"{command} ended with {said.exit_code}: {said.stderr}")
        lines = [line.rstrip() for line in said.stdout.rstrip().splitlines()]
        parts.append("\n".join([f"$ {command}", *lines]) + "\n")
    now = "\n".join(parts)
    return fenced(fence.body if varying and shape(fence.body) == shape(now) else now, "console")


def documents(place: Callable[[], Place]) -> Mapping[Path, str]:
    """Every generated file, as it has to be now."""
    contributing = with_blocks(CONTRIBUTING.read_text(encoding="utf-8"), lambda _name, _stands: capability_table())
    return {
        **{path: generated(path.read_text(encoding="utf-8"), place) for path in DOCUMENTS},
        CONTRIBUTING: contributing,
        EXAMPLE: example_job(),
        PICTURE: picture(),
    }


def main() -> None:
    """Rewrites them."""
    scrub(os.environ)
    set_zone("UTC")
    with tempfile.TemporaryDirectory() as directory:
        places: list[Place] = []

        def place() -> Place:
            if not places:
                places.append(Place(Path(directory), manual(), ShiftedClock(NOON), hasty=False))
            return places[0]

        for path, text in documents(place).items():
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The card under test, its virtual machine and its network. Logs stay in tests/output/boot."""

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "image" / "builder")]

from family import Family  # noqa: E402
from lan import Lan  # noqa: E402
from machine import Machine  # noqa: E402

# The card is copied to a disk of this size, so that its data partition has where to grow.
CARD = Path(os.environ.get("SNUG_CARD", ROOT / "target" / "image"))


@pytest.fixture(scope="session")
def output():
    """Where logs of the screen and figures are kept."""
    folder = ROOT / "tests" / "output" / "boot"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def lan(output):
    """The home's network, with a router that gives addresses and nothing else."""
    made = Lan(output)
    yield made
    made.end()


@pytest.fixture(scope="session")
def machine(lan, output):
    """The device, not started yet."""
    made = Machine(CARD, lan, output)
    yield made
    made.give_up()


@pytest.fixture(scope="session")
def family(machine, output):
    """The people who use it."""
    return Family(machine, output)

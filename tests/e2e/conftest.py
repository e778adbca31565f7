"""Homes for the tests. What a test leaves behind (logs, screens, pictures) is in tests/output."""

import shutil
from pathlib import Path

import pytest

import netns
from clients.wire import Wire
from home import Home

OUTPUT = Path(__file__).resolve().parents[1] / "output"


@pytest.fixture(scope="module")
def output(request):
    """Where a file of tests keeps what a person may want to look at. Old output would be mistaken
    for new, so it is removed first."""
    folder = OUTPUT / "e2e" / request.module.__name__
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def world(output):
    """A box between a home and the internet, in network namespaces."""
    why = netns.refusal()
    if why:
        pytest.skip(why)
    world = netns.World(output)
    yield world
    world.end()


@pytest.fixture(scope="module")
def make_home(output):
    """Makes homes that are given up after the module."""
    made = []

    def make(name="home", **settings):
        made.append(Home(output / name, **settings))
        return made[-1]

    yield make
    for home in made:
        home.give_up()


@pytest.fixture(scope="module")
def home(make_home):
    """A home that is set up: ann is its administrator, bob and cid live there too."""
    home = make_home()
    home.start_daemon().set_up()
    home.add("bob", "cid")
    return home


@pytest.fixture
def log_in(home):
    """Logs people in over the wire; closes what is left open."""
    opened = []

    def log_in(name, resource=None, present=False, direct=False, **more):
        wire = Wire(home, direct=direct)
        opened.append(wire)
        wire.login(name, home.passwords[name], resource, **more)
        if present:
            wire.presence()
            wire.await_presence(**{"from": wire.jid})
        return wire

    yield log_in
    for wire in opened:
        wire.close()

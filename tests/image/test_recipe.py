"""The recipe of the card is whole, and a mistake in it is told before anything is made."""

import re
import shutil
import subprocess

import pytest

import recipe as recipes
import rootfs
import sources
import stages
from recipe import IMAGE, Fault

BOARDS = ["any", "zero2w", "3", "4", "5"]


@pytest.fixture
def changed(tmp_path):
    """Loads a copy of the recipe in which a text of one file was replaced."""
    def load(name, old, new, **more):
        shutil.copytree(IMAGE, tmp_path / "image", dirs_exist_ok=True)
        path = tmp_path / "image" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return recipes.load(folder=tmp_path / "image", **more)
    return load


@pytest.mark.parametrize("board", BOARDS)
def test_every_board_has_a_whole_recipe(board):
    """Layers, packages, variables."""
    recipe = recipes.load(board)
    assert [layer.name for layer in recipe.layers] == [
        "base", "kernel", "network", "tls", "snug", "firewall", "updates", "hardening",
        "first-boot"]
    assert sum(layer.own_package for layer in recipe.layers) == 1
    kernels = [p for p in recipe.all("packages") if p.startswith("linux-image")]
    assert kernels == (["linux-image-rpi-v8", "linux-image-rpi-2712"] if board == "5"
                       else ["linux-image-arm64"])


def test_only_the_newest_board_needs_another_archive():
    """Everything else is Debian alone."""
    assert all("debian-archive-keyring" in line for line in stages.sources(recipes.load()))
    lines = stages.sources(recipes.load("5"))
    assert sum("archive.raspberrypi.com" in line for line in lines) == 1


def test_nothing_of_this_place_is_on_the_card():
    """The mirror that served the build is not named in any file of any layer."""
    recipe = recipes.load(given={"mirror": "http://mirror.test/debian"})
    assert "http://mirror.test/debian trixie main" in sources.lines(recipe.variables)[0]
    for layer in recipe.layers:
        for _, text in [*layer.files.values(), *layer.early_files.values()]:
            assert "mirror.test" not in text


def test_the_mirror_is_this_machines_own():
    """Unless another one is named."""
    main, security = sources.mirrors({"mirror": "", "security_mirror": ""})
    assert re.fullmatch(r"https?://\S+", main) and re.fullmatch(r"https?://\S+", security)
    asked = sources.mirrors({"mirror": "http://a.test/d", "security_mirror": "http://b.test/s"})
    assert asked == ("http://a.test/d", "http://b.test/s")


@pytest.mark.parametrize(("given", "word"), [
    ({"hostname": "Two Words"}, "hostname"), ({"root_mb": "12"}, "from 1024"),
    ({"root_mb": "many"}, "root_mb"), ({"kernel": "other"}, "debian, rpi"),
    ({"colour": "red"}, "no variable 'colour'"), ({"mirror": "ftp://x"}, "mirror"),
])
def test_wrong_variables_are_refused(given, word):
    """With the name of the variable and what it must be."""
    with pytest.raises(Fault, match=word):
        recipes.load(given=given)


@pytest.mark.parametrize(("name", "old", "new", "word"), [
    ("recipe.toml", '    "tls",\n', "", "tls"),
    ("recipe.toml", '    "tls",\n', '    "tls",\n    "tls",\n', "once"),
    ("recipe.toml", "[boards]", "[bords]", "bords"),
    ("recipe.toml", "between = [128, 1024]", "", "one of: one_of"),
    ("layers/base.toml", "about =", "abuot =", "abuot"),
    ("layers/base.toml", '"dbus"', '"D Bus"', "D Bus"),
    ("layers/base.toml", '"/etc/hostname" =', '"etc/hostname" =', "absolute"),
    ("layers/base.toml", "@hostname@", "@hostnmae@", "hostnmae"),
    ("layers/base.toml", "[files]", "[files", "base.toml"),
    ("layers/kernel.toml", '"0755"', '"755"', "mode"),
    ("layers/network.toml", "avahi-daemon.service", "avahi daemon", "avahi daemon"),
    ("layers/first-boot.toml", '"grow-data"', '"grow-date"', "grow-date"),
    ("layers/tls.toml", "[run]", "[files]\n\"/etc/hosts\" = \"x\\n\"\n[run]", "base and tls"),
])
def test_mistakes_in_the_files_are_told(changed, name, old, new, word):
    """Each names what is wrong."""
    with pytest.raises(Fault, match=word):
        changed(name, old, new)


def test_what_is_kept_depends_on_what_decides_it(changed):
    """A package more is another set of packages; a file of a layer is not."""
    def decides(recipe):
        return [recipe.all("packages"), [layer.early_files for layer in recipe.layers]]
    first = decides(recipes.load())
    assert decides(changed("layers/base.toml", "LANG=C.UTF-8", "LANG=C")) == first
    assert decides(changed("layers/base.toml", '"less"', '"less", "vim-tiny"')) != first


def test_scripts_are_right():
    """The shell itself reads every script of the card and of the builder."""
    recipe = recipes.load()
    scripts = {layer.name: layer.late for layer in recipe.layers if layer.late}
    scripts["builder"] = rootfs._script(recipe, "packages.tar")
    scripts["hold-back"], scripts["let-go"] = stages._hold_back(), stages._let_go()
    scripts["own"], scripts["board"] = stages._own_programs(), stages._board_programs()
    for layer in recipe.layers:
        for path, (mode, source) in layer.copies.items():
            if int(mode, 8) & 0o100:
                scripts[path] = source.read_text()
        for path, (mode, text) in [*layer.early_files.items(), *layer.files.items()]:
            if text.startswith("#!/bin/sh"):
                assert int(mode, 8) & 0o100, path
                scripts[path] = text
    assert len(scripts) >= 10
    for name, text in scripts.items():
        done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr}"


def test_units_of_the_card_are_well_formed(tmp_path):
    """systemd reads those that the layers bring themselves."""
    recipe = recipes.load()
    units = {path.rsplit("/", 1)[1]: text for layer in recipe.layers
             for path, (_, text) in layer.files.items()
             if path.startswith("/etc/systemd/system/") and path.endswith(".service")}
    assert len(units) >= 3
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    for name in units:
        done = subprocess.run(["systemd-analyze", "verify", tmp_path / name], text=True,
                              capture_output=True, check=False)
        wrong = [line for line in done.stderr.splitlines()
                 if name in line and "is not executable" not in line
                 and "not found" not in line]
        assert not wrong, "\n".join(wrong)


def test_each_unit_that_is_switched_on_is_switched_on_once():
    """And none is both on and off."""
    recipe = recipes.load()
    on, off = recipe.all("enable"), recipe.all("mask") + recipe.all("disable")
    assert len(on) == len(set(on)) and not set(on) & set(off)

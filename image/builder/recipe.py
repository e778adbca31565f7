"""The recipe: image/recipe.toml and the layers, read and checked before anything is made.

A `Recipe` is whole: every variable has a value that fits, every layer is of the known shape, and
`@variable@` is replaced everywhere. A fault names the file, the key and what it must be.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "image"

LAYER_KEYS = {"about", "packages", "components", "archive", "enable", "disable", "mask",
              "early_files", "files", "copies", "run", "own_package", "when"}
RUN_KEYS = {"late"}
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(/[a-z-]+)?")
UNIT = re.compile(r"[\w@.\\-]+\.(service|socket|timer|mount|path|target)")
MODE = re.compile(r"0[0-7]{3}")
PLACEHOLDER = re.compile(r"@([a-z_]+)@")


class Fault(Exception):
    """The recipe, or what was asked of it, is not usable; the text is for a person."""


@dataclass
class Layer:
    """One concern of the card."""

    name: str
    about: str
    packages: list = field(default_factory=list)
    components: list = field(default_factory=list)
    archive: dict = field(default_factory=dict)
    enable: list = field(default_factory=list)
    disable: list = field(default_factory=list)
    mask: list = field(default_factory=list)
    early_files: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)
    copies: dict = field(default_factory=dict)
    late: str = ""
    own_package: bool = False


@dataclass
class Recipe:
    """Everything that decides what the card becomes."""

    board: str
    variables: dict
    builder_packages: list
    layers: list

    def all(self, what):
        """What all layers name under `what`, in their order."""
        return [item for layer in self.layers for item in getattr(layer, what)]


def load(board="any", given=None, folder=IMAGE):
    """The recipe for `board`, with the variables `given` by the person. Raises `Fault`."""
    path = folder / "recipe.toml"
    raw = _toml(path)
    _known(path.name, raw, {"layers", "builder", "boards", "variables"})
    if board not in raw["boards"]:
        raise Fault(f"there is no board {board!r}; there are {', '.join(raw['boards'])}")
    variables = _variables(raw["variables"], {**raw["boards"][board], **(given or {})})
    builder = _replaced(raw["builder"]["packages"], variables, f"{path.name}: builder")
    _all_match(f"{path.name}: builder.packages", builder, PACKAGE)
    listed = raw["layers"]
    present = {p.stem for p in (folder / "layers").glob("*.toml")}
    if set(listed) != present or len(listed) != len(set(listed)):
        raise Fault(f"{path.name}: layers must name each file of image/layers once; "
                    f"these differ: {', '.join(sorted(set(listed) ^ present))}")
    layers = [_layer(folder, name, variables) for name in listed]
    _no_file_twice(layers)
    return Recipe(board, variables, builder, layers)


def _toml(path):
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, OSError) as e:
        raise Fault(f"{path.name}: {e}") from e


def _known(where, table, known):
    for key in table:
        if key not in known:
            raise Fault(f"{where}: unknown key {key!r}; there are {', '.join(sorted(known))}")


def _variables(described, given):
    for name in given:
        if name not in described:
            raise Fault(f"there is no variable {name!r}; there are {', '.join(described)}")
    values = {}
    for name, rule in described.items():
        _known(f"recipe.toml: variables.{name}", rule,
               {"about", "default", "one_of", "between", "form"})
        if not rule.get("about") or "default" not in rule:
            raise Fault(f"recipe.toml: variables.{name} needs `about` and `default`")
        values[name] = _value(name, rule, given.get(name, rule["default"]))
    return values


def _value(name, rule, value):
    if "one_of" in rule:
        if value not in rule["one_of"]:
            raise Fault(f"{name} is {value!r}; it must be one of {', '.join(rule['one_of'])}")
        return value
    if "between" in rule:
        low, high = rule["between"]
        if not str(value).isdecimal() or not low <= int(value) <= high:
            raise Fault(f"{name} is {value!r}; it must be a number from {low} to {high}")
        return int(value)
    if "form" in rule:
        if not re.fullmatch(rule["form"], str(value)):
            raise Fault(f"{name} is {value!r}; it must be of the form {rule['form']}")
        return value
    raise Fault(f"recipe.toml: variables.{name} needs one of: one_of, between, form")


def _replaced(value, variables, where):
    """`value`, a text or a structure of texts, with each `@variable@` replaced."""
    if isinstance(value, dict):
        return {_replaced(k, variables, where): _replaced(v, variables, where)
                for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(v, variables, where) for v in value]
    if not isinstance(value, str):
        return value

    def one(match):
        if match[1] not in variables:
            raise Fault(f"{where}: there is no variable {match[1]!r}")
        return str(variables[match[1]])

    return PLACEHOLDER.sub(one, value)


def _layer(folder, name, variables):
    where = f"layers/{name}.toml"
    raw = _toml(folder / "layers" / f"{name}.toml")
    _known(where, raw, LAYER_KEYS)
    raw = _replaced(raw, variables, where)
    layer = Layer(name, raw.get("about", ""))
    if not layer.about:
        raise Fault(f"{where}: `about` has to say what the layer is for")
    chosen = _chosen(where, raw.pop("when", {}), variables)
    for table in (raw, *chosen):
        for key in ("packages", "components", "enable", "disable", "mask"):
            getattr(layer, key).extend(table.get(key, []))
        layer.archive.update(table.get("archive", {}))
    layer.early_files = _files(where, raw.get("early_files", {}))
    layer.files = _files(where, raw.get("files", {}))
    layer.copies = _copies(where, raw.get("copies", {}), folder)
    _known(f"{where}: run", raw.get("run", {}), RUN_KEYS)
    layer.late = raw.get("run", {}).get("late", "")
    layer.own_package = raw.get("own_package", False)
    _all_match(f"{where}: packages", layer.packages, PACKAGE)
    _all_match(f"{where}: units", layer.enable + layer.disable + layer.mask, UNIT)
    return layer


def _chosen(where, when, variables):
    """The tables of `[when."variable=value"]` that hold."""
    tables = []
    for condition, table in when.items():
        name, _, value = condition.partition("=")
        if name not in variables:
            raise Fault(f"{where}: when: there is no variable {name!r}")
        _known(f"{where}: when.{condition}", table, {"packages", "components", "archive", "enable"})
        if str(variables[name]) == value:
            tables.append(table)
    return tables


def _files(where, table):
    """Path to (mode, text). Texts end with a line end."""
    files = {}
    for path, content in table.items():
        if isinstance(content, str):
            content = {"text": content}
        _known(f"{where}: {path}", content, {"mode", "text"})
        mode, text = content.get("mode", "0644"), content.get("text", "")
        _placed(where, path, mode)
        if not text.endswith("\n"):
            raise Fault(f"{where}: {path} has no text, or does not end with a line end")
        files[path] = (mode, text.removeprefix("\n"))
    return files


def _copies(where, table, folder):
    """Path to (mode, file of the tree)."""
    copies = {}
    for path, content in table.items():
        if isinstance(content, str):
            content = {"from": content}
        _known(f"{where}: {path}", content, {"mode", "from"})
        mode, source = content.get("mode", "0644"), folder / "files" / content.get("from", "")
        _placed(where, path, mode)
        if not source.is_file():
            raise Fault(f"{where}: {path}: there is no file image/files/{content.get('from', '')}")
        copies[path] = (mode, source)
    return copies


def _placed(where, path, mode):
    if not path.startswith("/") or "/../" in path or path.endswith("/"):
        raise Fault(f"{where}: {path} must be the absolute path of a file")
    if not MODE.fullmatch(mode):
        raise Fault(f"{where}: {path}: mode is {mode!r}; it must be like 0644")


def _all_match(where, words, form):
    for word in words:
        if not form.fullmatch(word):
            raise Fault(f"{where}: {word!r} is not a name of this kind")
    twice = {word for word in words if words.count(word) > 1}
    if twice:
        raise Fault(f"{where}: named twice: {', '.join(sorted(twice))}")


def _no_file_twice(layers):
    owner = {}
    for layer in layers:
        for path in [*layer.early_files, *layer.files, *layer.copies]:
            if path in owner:
                raise Fault(f"{path} is in the layers {owner[path]} and {layer.name}")
            owner[path] = layer.name

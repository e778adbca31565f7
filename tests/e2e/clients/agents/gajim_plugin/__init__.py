"""The plugin. Gajim wants the first name in here to be its class."""

from .hands import Hands

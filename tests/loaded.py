"""Loads all of the command line and, as a command does, no engine and no GitHub."""

from __future__ import annotations

import importlib
import pkgutil

import gitcoord.entrypoints.cli
import gitcoord.entrypoints.main

for _module in pkgutil.iter_modules(gitcoord.entrypoints.cli.__path__):
    importlib.import_module(f"{gitcoord.entrypoints.cli.__name__}.{_module.name}")

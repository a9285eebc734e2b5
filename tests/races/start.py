"""How racers are started: each a process of its own, from one that has imported what they need.

A fork of a process that does nothing but fork takes milliseconds where a new interpreter
takes a tenth of a second. Where there is no such server (Windows) they are spawned.
"""

from __future__ import annotations

import multiprocessing as mp
import os
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess

from tests import forked

Context = ForkServerContext | SpawnContext


def context() -> Context:
    """Return how processes are started here, with its barriers and queues."""
    return forked.server() if forked.FORKS else mp.get_context("spawn")


def process(context: Context, target: Callable[..., None], *arguments: object) -> BaseProcess:
    """Return a process that will call the target with the arguments, in this environment."""
    return context.Process(target=entered, args=(dict(os.environ), target, *arguments))


def entered(environ: dict[str, str], target: Callable[..., None], *arguments: object) -> None:
    """Call the target; the server may have been started in another environment."""
    os.environ.clear()
    os.environ.update(environ)
    target(*arguments)

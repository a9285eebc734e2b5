"""How much a memory counts for a question, as a number from 0 to 1. Pure arithmetic.

relevance = match x decay x weight. `match` says how well its words fit, against the best that
is there; `decay` halves with each half-life of its age, and a memory that has helped ages
slower; `weight` says what its outcome is worth. All of it is rounded as it is shown, so that
what is shown is what is compared. Not here: words and indexes.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log2

from gitcoord.domain.memories import Outcome

#: What an outcome is worth: what worked, what is to be avoided, what is only known.
WEIGHTS: dict[Outcome, float] = {"positive": 1.0, "negative": 0.9, "neutral": 0.8, "": 0.8}
#: Part of the best match below which words do not count as found: such as "the" in a sentence.
NOISE = 0.01
#: Digits of a relevance.
DIGITS = 4


def matches(scores: Mapping[str, float]) -> dict[str, float]:
    """Return how well each fits, from `NOISE` to 1 for the best, without what is noise.

    `scores` are above 0, larger is better, on any scale. Text search has no scale of its own:
    what a word is worth hangs on how many memories there are.
    """
    best = max(scores.values(), default=0.0)
    fits = {name: score / best for name, score in scores.items() if score > 0}
    return {name: fit for name, fit in fits.items() if fit >= NOISE}


def decay(age: float, half_life: float, used: int) -> float:
    """Return what is left after `age` seconds; a half-life of 0 never ends.

    Memories that have helped once, three times or seven times last twice, three or four times
    as long. What is dated in the future is new.
    """
    if not half_life:
        return 1.0
    lives: float = max(age, 0.0) / (half_life * (1.0 + log2(1.0 + used)))
    return float(0.5**lives)


def relevance(match: float, age: float, half_life: float, outcome: Outcome, used: int) -> float:
    """Return the relevance, 0 to 1. Times are in seconds, `used` is how many it has helped."""
    return round(match * decay(age, half_life, used) * WEIGHTS[outcome], DIGITS)

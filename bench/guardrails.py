"""Guardrails: one judgement of a shell command in a process that has begun.

Hooks ask for one before every command that an agent runs.
"""

from __future__ import annotations

import time
from statistics import fmean, median

from bench.ratio import Measured, Row, Target, Wrong, milliseconds
from bench.scratch import Scratch

#: Commands as agents type them -> what has to come of it.
COMMANDS = {
    "ls -la src": "allow",
    "git status --short && git diff --stat": "allow",
    "cd src && pytest -q -x tests/test_a.py 2>&1 | tail -n 40": "allow",
    "git add -A && git commit -q -m 'fix: never git push --force' && git push origin HEAD": "allow",
    "rg -n 'DROP TABLE' --glob '*.sql' | head": "allow",
    'for f in src/*.py; do python3 -m py_compile "$f" || exit 1; done': "allow",
    "sed -i 's/a/b/' $(git ls-files '*.py')": "allow",
    "cat > notes.md <<'E'\n" + "one line of a text of ours\n" * 40 + "E": "allow",
    "curl -fsS http://localhost:8080/healthz | jq -r .status": "allow",
    "npm ci && npm run build && npm test -- --silent": "allow",
    "psql -c 'SELECT id FROM users WHERE id = 7'": "allow",
    "docker compose up -d db && sleep 2": "allow",
    "git push --force origin main": "block",
    "sudo sh -c 'cd / && rm -rf *'": "block",
    "echo cm0gLXJmIC8= | base64 -d | bash": "block",
    "find . -name '*.sql' -print0 | xargs -0 rm -rf": "warn",
}


def _check(scratch: Scratch) -> Measured:
    from gitcoord.domain.guardrails.judge import judge_command
    from gitcoord.domain.guardrails.policy import DEFAULT

    def judge(text: str) -> tuple[float, str]:
        begun = time.perf_counter()
        action = judge_command(text, DEFAULT, cwd="/w", root="/w", home="/home/u").action
        return time.perf_counter() - begun, action

    times: dict[str, list[float]] = {text: [] for text in COMMANDS}
    for turn in range(1 + 4 * scratch.volume.starts):
        for text, wanted in COMMANDS.items():
            seconds, action = judge(text)
            if action.replace("log", "allow") != wanted:
                raise Wrong(f"{text!r} is judged {action}")
            if turn:
                times[text].append(seconds)
    # Of each command the median: the machine's other work is not the judge's.
    each = [1000 * median(values) for values in times.values()]
    single = [value for values in times.values() for value in values]
    detail = (
        f"{len(COMMANDS)} commands, {len(single)} judgements; mean {milliseconds(fmean(single))}, "
        f"slowest command {max(each):.3g} ms, slowest judgement {milliseconds(max(single))}"
    )
    return Measured(fmean(each), min(each), max(each), detail)


ROWS = (
    Row(
        "guardrail-check",
        "one judgement of a shell command by the guardrails, in a process that has begun: mean of "
        "the commands' medians; spread: fastest and slowest command",
        Target(1),
        "none",
        _check,
        unit="ms",
    ),
)

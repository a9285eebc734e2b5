"""Where the `gitcoord` command starts: run it, and say how it ended.

Every failure leaves through here: one line for people on stderr or one JSON
document on stdout, and an exit code that scripts can rely on. Nothing heavy is
imported before it is known which command is meant.
"""

from __future__ import annotations

import gc
import os
import sys

# As typing has it, without loading typing: a hook answers before that would be read.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) == 3 and given[0] == "hook" and not given[2].startswith("-"):
        hook(given[1], given[2])
    as_json = "--json" in given[: given.index("--")] if "--" in given else "--json" in given
    leave(run(given, as_json=as_json))


def hook(client: str, name: str) -> None:
    """Answer a hook of an agent client and leave the process."""
    from gitcoord.entrypoints.hooks import fast

    limit = fast.Limit()
    limit.start()
    data = fast.read()
    if not fast.answered(client, name, data):
        from gitcoord.entrypoints.hooks.door import answer

        code = answer(client, name, data, limit)
    else:
        code = 0
    leave(code)


def leave(code: int) -> None:
    """End the process with this code.

    Everything is closed and said by now. Taking the interpreter apart object by object takes
    as long as a durable transaction, and nobody needs it.
    """
    if "coverage" in sys.modules:
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run(given: list[str], *, as_json: bool) -> int:
    """Run one command line and return its exit code."""
    # Most commands end before there is anything to collect; while they load, looking for it
    # costs more than it frees. Those that live long still collect.
    gc.set_threshold(100_000, 20, 20)
    import click

    from gitcoord.entrypoints.cli.failures import BUG, INTERRUPTED, exit_code, report
    from gitcoord.entrypoints.cli.root import cli
    from gitcoord.errors import GitcoordError, UsageError

    try:
        result = cli.main(given, prog_name="gitcoord", standalone_mode=False)
        sys.stdout.flush()
    except GitcoordError as error:
        report(error, as_json=as_json)
        return exit_code(error)
    except click.exceptions.NoArgsIsHelpError as usage:
        click.echo(usage.format_message())
        return 2
    except click.ClickException as usage:
        context = getattr(usage, "ctx", None)
        hint = f"See `{context.command_path} --help`." if context is not None else None
        wrong = UsageError(usage.format_message(), hint=hint)
        report(wrong, as_json=as_json)
        return exit_code(wrong)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has left (`gitcoord log | head`); a second flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as bug:  # noqa: BLE001 - the last door: what comes here is a bug
        import traceback

        traceback.print_exc()
        if as_json:
            report(GitcoordError(f"this is a bug in gitcoord: {bug!r}"), as_json=True)
        return BUG
    return result if isinstance(result, int) else 0

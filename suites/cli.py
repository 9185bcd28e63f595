"""The `withstand` command: verbs from entry points, errors as messages, exit codes as documented.

Each package, and any other distribution, adds verbs through the entry-point group
`withstand.commands`: a function that takes the `typer.Typer` application. Such a module imports
nothing heavy at its top, so that `withstand --help` starts without torch.

Exit codes: 0 pass · 1 a gate failed · 2 usage, configuration, cannot load · 3 inconclusive ·
4 internal error · 130 interrupted, with what was done kept.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from importlib.metadata import entry_points, version

import click
import typer

from harness.launcher import launched

INTERNAL_ERROR = 4
INTERRUPTED = 130

TOGETHER = ("train",)
"""The verbs that several processes run together."""

_EPILOG = (
    "Exit codes: 0 pass, 1 a gate failed, 2 usage or configuration, 3 inconclusive, "
    "4 internal error, 130 interrupted (what was done is kept)."
)


def application() -> typer.Typer:
    """The command with every registered verb."""
    app = typer.Typer(
        name="withstand",
        help="Fine-tune transformer models, attack them, harden them, and audit what was gained.",
        epilog=_EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def root(
        context: typer.Context,
        show_version: bool = typer.Option(
            False, "--version", help="Print the version and end.", is_eager=True
        ),
    ) -> None:
        if show_version:
            typer.echo(f"withstand {version('withstand')}")
            raise typer.Exit
        # As torchrun and accelerate launch say it to each of the processes that they start.
        if launched() > 1 and context.invoked_subcommand not in TOGETHER:
            raise click.UsageError(
                f"`withstand {context.invoked_subcommand}` runs in one process, and {launched()} were "
                f"launched. Several run `withstand {' or '.join(TOGETHER)}` together; start the others "
                "without torchrun or accelerate launch."
            )

    for entry in sorted(entry_points(group="withstand.commands"), key=lambda e: e.name):
        entry.load()(app)
    return app


def main() -> None:
    """Run the command line and end the process with the documented exit code."""
    # The notices of these libraries are about themselves; ours must not drown in them.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: list[str]) -> int:
    """Run one command line and return its exit code. Messages go to stderr."""
    keep_off_stdout("DeepSpeed")
    code = _run(arguments)
    if code == INTERRUPTED:
        _say("Interrupted. What was done is kept; --resume RUN goes on with it.")
    return code


def keep_off_stdout(logger: str) -> None:
    """What a library would log on stdout goes to stderr: the former may be read by a program.

    transformers imports DeepSpeed wherever it is installed, and that tells stdout which device it found.
    """
    found = logging.getLogger(logger)
    if not any(isinstance(f, _Elsewhere) for f in found.filters):
        found.addFilter(_Elsewhere())


class _Elsewhere(logging.Filter):
    """Lets nothing through to the logger's own handlers, and says it on stderr."""

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter.filter`."""
        _say(f"{record.name}: {record.getMessage()}")
        return False


def _run(arguments: list[str]) -> int:
    try:
        command = typer.main.get_command(application())
        result = command.main(args=arguments, prog_name="withstand", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:  # an interruption comes here too, as code 130
        return int(end.exit_code)
    except click.ClickException as error:
        error.show(sys.stderr)
        return 2
    except (KeyboardInterrupt, click.exceptions.Abort):
        return INTERRUPTED
    except (
        Exception
    ) as error:  # the last resort: an error of ours, or an internal one with its traceback
        code = getattr(error, "exit_code", None)
        if isinstance(code, int):
            _say(f"Error: {error}")
            return code
        traceback.print_exc()
        _say("Internal error: this is a bug in Withstand. Please report it with the lines above.")
        return INTERNAL_ERROR


def _say(message: str) -> None:
    print(printable(message), file=sys.stderr)


def printable(text: str) -> str:
    """The text with control characters other than line breaks and tabs shown as escapes.

    Attack text is hostile input to a terminal too.
    """
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii")
        for c in text
    )

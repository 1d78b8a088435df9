"""The ``cfx`` command. Each command's module is imported when it is called, so that `cfx` starts fast."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "serve": "cli.serve:serve",
    "worker": "cli.worker:worker",
    "demo": "cli.demo.command:demo",
    "run": "cli.run:run",
    "watch": "cli.watch:watch",
    "flows": "cli.flows:app",
    "approve": "cli.decide:approve",
    "reject": "cli.decide:reject",
    "apply": "cli.apply:apply",
    "rollback": "cli.apply:rollback",
    "verify": "cli.apply:verify",
    "diff": "cli.diff:app",
    "keys": "cli.keys:app",
    "users": "cli.users:app",
    "migrate": "cli.migrate:migrate",
    "prune": "cli.prune:prune",
    "config": "cli.config:app",
}
"""command → where its function, or its Typer app, stands; in the order of ``cfx --help``"""


class LazyGroup(TyperGroup):
    """Looks commands up in COMMANDS instead of holding them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        place = COMMANDS.get(cmd_name)
        return None if place is None else _load(cmd_name, place)


def _load(name: str, place: str) -> Any:
    module, attribute = place.split(":")
    target = getattr(import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name)(target)
        target = alone
    command = typer.main.get_command(target)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Plan-Code-Review for software changes, with edits that are checked rather than trusted.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"cfx {version('cfx-flow')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
]


@app.callback()
def _root(_version: Version = False) -> None:
    pass


def main() -> None:
    """Reads ``.env`` of the working directory first; what the real environment says wins.

    Configuration errors and refusals end here as one line on stderr and exit code 2.
    """
    from cfx_flow.errors import CfxError, ConfigError
    from cli.env_file import load_env_file
    from cli.exits import Exit

    try:
        load_env_file(Path(".env"), os.environ)
        app()
    except (ConfigError, CfxError) as error:
        typer.echo(f"cfx: {error}", err=True)
        sys.exit(2)
    except SystemExit as leaving:
        # Typer and Rich leave with 1 where the reader of our output has left, which reads as "rejected".
        if isinstance(leaving.__context__, BrokenPipeError):
            sys.exit(Exit.READER_LEFT)
        raise


if __name__ == "__main__":
    main()

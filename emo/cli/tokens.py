"""The command token: make a token for the HTTP API."""

import argparse
import sys
from pathlib import Path

from emo.cli.options import DONE, Commands

ADDED = "emo: {name} was added to {path}. The token is shown this once; the file has its digest."
BOTH = "emo: first the token, for its holder alone; then its line for the file of EMO_API_TOKENS."


def add_token_command(commands: Commands) -> None:
    """Add the command token."""
    parser = commands.add_parser(
        "token",
        help="make a token for the HTTP API",
        description="Make a bearer token for the HTTP API. The server is given a file of digests "
        "(EMO_API_TOKENS=FILE), which do not tell the tokens.",
    )
    parser.add_argument("name", metavar="NAME", help="holder of the token, such as anna")
    parser.add_argument(
        "--add", type=Path, metavar="FILE", help="append the line of the token to this file"
    )
    parser.set_defaults(run=token_command)


def token_command(options: argparse.Namespace) -> int:
    """Print a new token, and add its digest to a file or print it too."""
    from emo.api.tokens import add_token, make_token, token_line

    if options.add is not None:
        print(add_token(options.add, options.name))
        print(ADDED.format(name=options.name, path=options.add), file=sys.stderr)
        return DONE
    token = make_token()
    line = token_line(options.name, token)
    print(token, line, sep="\n")
    print(BOTH, file=sys.stderr)
    return DONE

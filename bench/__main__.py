"""Run all benches; the results go to docs/bench.md and docs/scaling.md.

    python -m bench [--quick] [--long] [PART ...]

Ends with 1 if a target was missed.  After a part that fails the others go on.
"""

import argparse
import importlib
import os
import sys
import traceback

from bench import scaling, table
from bench.measure import SINGLE_THREAD, Options, add_options, run


def main() -> int:
    """Run the benches; return 1 if a target was missed or a part failed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(table.ORDER)}")
    parser.add_argument("--pages", action="store_true", help="only write the pages again")
    add_options(parser)
    given = parser.parse_args()
    if unknown := set(given.parts) - set(table.ORDER):
        parser.error(f"there is no part {min(unknown)}; there are {', '.join(table.ORDER)}")
    if given.pages:
        table.write()
        scaling.write()
        return 0
    os.environ |= SINGLE_THREAD  # before anything imports numpy's library for it
    options, is_met = Options(given.quick, given.long), True
    for key in given.parts or table.ORDER:
        try:
            part = importlib.import_module(f"bench.{key}").PART
            is_met = run(part, options, save=True) and is_met
        except Exception:  # the others are worth having
            traceback.print_exc()
            print(f"The part {key} failed.", file=sys.stderr)
            is_met = False
        table.write()
        scaling.write()
    print(f"\n{table.PAGE} and {scaling.PAGE} are written.")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())

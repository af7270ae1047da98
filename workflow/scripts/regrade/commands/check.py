"""List every mistake in studies before anything is run.

It looks at their parameters, numbers, claims, templates and code.
"""

import argparse

from regrade.commands import parameters

EXAMPLES = """\
regrade check
regrade check vudl
regrade check my_study --configfile my-study.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade check`."""
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="only these studies; all if absent")
    parameters.add(parser)


def run(options: argparse.Namespace) -> int:
    """Print a sentence per mistake, and their number; 1 if there is any."""
    from regrade.commands.mistakes import mistakes
    from regrade.config.places import Places

    parameters.require_project()
    places = Places(options.configfile, options.config)
    studies = places.studies(options.studies)
    count = 0
    for sentence in mistakes(places, studies):
        print(sentence)
        count += 1
    if not count:
        print(f"Nothing wrong with {', '.join(studies)}.")
        return 0
    print(f"{count} mistake{'s' * (count > 1)}.")
    return 1

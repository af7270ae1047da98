# Comes first: checks the folder the workflow runs in, and picks the copy of the package it uses.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

PROJECT = Path(workflow.basedir)
SCRIPTS = PROJECT / "workflow" / "scripts"
# Paths are relative to the project, and the RO-Crate describes only what lies in one folder with it
if not Path.cwd().samefile(PROJECT):
    raise WorkflowError(f"run this in {PROJECT}, without --directory; for results elsewhere, work in a clone there")
# Takes precedence over an installed copy
sys.path.insert(0, str(SCRIPTS))

from regrade.core import checkout
from regrade.jobs import plan
from regrade.core.errors import UserError

try:
    checkout.prefer(SCRIPTS)
except UserError as error:
    raise WorkflowError(str(error)) from None
PLANNED = plan.handed_over(config, workflow.config_settings.configfiles)

"""Writes the style sheet and the scripts that all pages share."""

from pathlib import Path

from regrade.jobs import logged

with logged(snakemake.log[0]):
    from regrade.reporting import assets

    assets.write(Path(snakemake.output[0]))

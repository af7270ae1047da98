"""A study that is a folder with claims and numbers, and its runs as a table: real ones, of ce4042's recurrent networks.

The accuracies are those of three seeds on the real data at full protocol, as the workflow gave them.
"""

from pathlib import Path

CLAIMS = """\
claims:
  - id: words-beat-characters
    claim: Networks that read words are better than those that read characters.
    origin: stated
    place: conclusion
    tests:
      - kind: greater
        experiment: levels
        metric: test_accuracy_best_epoch
        cell: {level: word, lr: 0.01}
        than: {level: char, lr: 0.01}
  - id: words-over-80
    claim: Reading words gives more than 80 %.
    origin: table
    place: table 6
    tests:
      - {kind: threshold, experiment: levels, cells: {level: word}, at_least: 0.8, estimand: mean}
"""
REPORTED = """\
source,experiment,cell,metric,value,note
table 6,levels,level=word;lr=0.01,test_accuracy_best_epoch,0.877,
table 6,levels,level=char;lr=0.01,test_accuracy_best_epoch,0.721,
"""
DESCRIPTION = """\
title: Recurrent networks on text
source: CE4042, part B, table 6
"""
RUNS = """\
level,lr,seed,test_accuracy_best_epoch
word,0.01,0,0.8686
word,0.01,1,0.8886
word,0.01,2,0.8714
char,0.01,0,0.7286
char,0.01,1,0.7157
char,0.01,2,0.7143
"""


def study(folder: Path, **files: str) -> Path:
    """The folder of the study; `files`: the contents of some of its files by their stem, in place of these."""
    folder = folder / "levels_of_text"
    folder.mkdir()
    contents = {"claims": CLAIMS, "reported": REPORTED, "study": DESCRIPTION} | files
    names = {"claims": "claims.yaml", "reported": "reported.csv", "study": "study.yaml"}
    for stem, content in contents.items():
        (folder / names[stem]).write_text(content)
    return folder

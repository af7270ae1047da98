"""Which claims of the reference run further seeds may settle."""

from regrade.bundle import bundle
from regrade.cells import expansion
from regrade.config import params
from regrade.settle import waiting
from support.paper import CE4042
from support.project import ROOT


def test_further_seeds_are_not_proposed_for_claims_about_times():
    present, every = bundle.read(ROOT / "reference/ce4042"), expansion.expand(params.parse(CE4042))
    claims = {one.claim: one for one in waiting.of_study(present, waiting.Trained(present, every), (10, 20, 40))}
    times = [one for name, one in claims.items() if name.startswith("b-time")]
    assert len(times) == 4
    assert all(one.why == "seeds that are trained together give one time" and not one.chances for one in times)
    assert claims["b6-stack-char"].chances
    # Its seeds are beyond the first look, and the later ones may be excluded or not planned
    (none,) = (
        one for one in waiting.of_study(present, waiting.Trained(present, every), (5,)) if one.claim == "b-order"
    )
    assert none.why == "settle.looks has none of the looks to come"

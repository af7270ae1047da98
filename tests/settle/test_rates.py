"""Grading, choosing further seeds and grading again, in worlds where it is known what is true."""

from support.settling import equally, outcomes, planned, settled

WORLDS = 8


def test_false_verdicts_stay_rare_and_hours_settle_more():
    rows = [(planned(0.4, 20),), settled(0.4, 20), (equally(20),)]
    once, in_rounds, equal = outcomes(WORLDS, rows)
    # In at most 5 % of worlds, as docs/next.md shows with more of them; three of eight would be a mistake
    for one in (once, in_rounds):
        assert max(one.falsely_confirmed, one.falsely_contradicted) <= 2 / WORLDS
        assert one.hours < 0.45 * equal.hours
        assert one.right >= 0.75 * equal.right

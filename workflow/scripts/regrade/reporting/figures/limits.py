"""Limits of an axis that show what most points are about, however far off some of them are."""

from collections.abc import Sequence

import numpy as np

# What is further from the middle half of the points than this many times what they span is off the axis
FAR = 3
# Around what is shown, as a part of it
MARGIN = 0.06


def limits(points: Sequence[float], further: Sequence[float | None] = ()) -> tuple[float, float]:
    """The least and the greatest value of an axis: of all finite points and `further` values but outliers.

    `further`: ends of intervals, bounds and the like, which are to be seen too. (0, 1) without a finite point.
    """
    centre = _finite(points)
    if not len(centre):
        return 0.0, 1.0
    every = np.concatenate([centre, _finite(further)])
    first, third = np.quantile(centre, [0.25, 0.75])
    # Points that agree are no reason to leave out their intervals and bounds
    span = max(third - first, float(np.quantile(np.abs(every - np.median(centre)), 0.75)))
    shown = every[(every >= first - FAR * span) & (every <= third + FAR * span)]
    low, high = float(shown.min()), float(shown.max())
    pad = MARGIN * (high - low) or 0.1 * abs(low) or 0.1
    return low - pad, high + pad


def _finite(values: Sequence[float | None]) -> np.ndarray:
    known = np.array([value for value in values if value is not None], dtype=float)
    return known[np.isfinite(known)]

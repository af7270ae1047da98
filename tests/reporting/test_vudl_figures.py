"""What the study vudl computes for its page: F1 of the class that its source calls 1."""

import numpy as np
import pandas as pd
import pytest
from regrade.reporting import study_code
from sklearn.metrics import f1_score


@pytest.mark.parametrize("wrong", [0.0, 0.1, 0.5, 1.0])
def test_f1_of_the_other_class_follows_from_that_of_one_and_the_accuracy(wrong: float):
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=200)
    predicted = np.where(rng.random(200) < wrong, 1 - labels, labels)
    f1, accuracy = pd.Series([f1_score(labels, predicted)]), pd.Series([(labels == predicted).mean()])
    (other,) = study_code.load("vudl", study_code.FIGURES).of_other_class(f1, accuracy)
    assert other == pytest.approx(f1_score(labels, predicted, pos_label=0))

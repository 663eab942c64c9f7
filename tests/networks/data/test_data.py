"""Tables become data: split, filled, clipped, scaled and balanced by the training set alone; images are moved by hand."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from networks.data.augment import Augmentation, augmented
from networks.data.prepare import Preparation, Table, class_weights, data_of, divided, split

INPUTS = ("x_train", "x_val", "x_test")


def table(rows: int = 200, features: int = 3, classes: int = 2, **changes) -> Table:
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 2, (rows, features)), np.arange(rows) % classes if classes else rng.normal(size=(rows, 1))
    names = tuple("abcdefgh"[:classes])
    return dataclasses.replace(Table(x, y, names, (features,)), **changes)


def numbered(rows: int, classes: int = 2) -> Table:
    """A table whose rows tell their numbers."""
    x = np.arange(rows, dtype=float)[:, None]
    return table(rows, 1, classes, x=x, scaling="none")


def unequal() -> Table:
    """Classes of 60, 30 and 10 rows, which tell their numbers."""
    return dataclasses.replace(numbered(100, 3), y=np.repeat([0, 1, 2], [60, 30, 10]))


# Splits


@pytest.mark.parametrize("classes", [0, 3])
def test_fifteen_hundredths_are_for_validation_and_as_many_for_the_test(classes):
    data = data_of(numbered(200, classes), 5)
    assert [len(data.x_train), len(data.x_val), len(data.x_test)] == [140, 30, 30]
    together = torch.cat([getattr(data, name)[:, 0] for name in INPUTS])
    assert sorted(together.tolist()) == list(range(200))


def test_the_split_is_scikit_learns():
    some = table(200, 3, 4)
    rest, test, y_rest, _ = train_test_split(some.x, some.y, test_size=30, random_state=7, stratify=some.y)
    train, val = train_test_split(rest, test_size=30, random_state=7, stratify=y_rest)
    for rows, theirs in zip(split(some, 7), (train, val, test), strict=True):
        np.testing.assert_array_equal(some.x[rows], theirs)


def test_classes_are_in_proportion():
    data = data_of(unequal(), 0)
    for targets, counts in ((data.y_train, [42, 21, 7]), (data.y_val, [9, 5, 1]), (data.y_test, [9, 4, 2])):
        np.testing.assert_allclose(np.bincount(targets), counts, atol=1)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("folds", [2, 5])
def test_folds_cover_everything_but_the_test_set_once(classes, folds):
    some, seen, tests = numbered(100, classes), [], []
    for fold in range(folds):
        train, val, test = split(some, 3, fold=fold, folds=folds)
        assert sorted(np.concatenate([train, val, test])) == list(range(100))
        seen.extend(val)
        tests.append(test)
        if classes:
            assert np.ptp(np.bincount(some.y[val])) <= 1
    assert sorted(seen) == sorted(set(range(100)) - set(tests[0]))
    np.testing.assert_array_equal(tests, [split(some, 3)[2]] * folds)


def of_counts(counts: list[int]) -> Table:
    """Classes of so many rows, mixed."""
    y = np.random.default_rng(len(counts)).permutation(np.repeat(np.arange(len(counts)), counts))
    return Table(np.zeros((len(y), 1)), y, tuple(map(str, range(len(counts)))), (1,))


@pytest.mark.parametrize(
    "counts", [[3, 100], [3, 3, 3, 60], [500, 3], [4, 5, 6, 40, 200], [90, 6, 4, 3], [3, 20], [200, 200, 3]]
)
@pytest.mark.parametrize("share", [0.15, 0.4])
@pytest.mark.parametrize("seed", range(40))
def test_every_set_has_every_class_however_rare(counts, seed, share):
    some = of_counts(counts)
    parts = split(some, seed, share=share)
    assert sorted(np.concatenate(parts)) == list(range(sum(counts)))
    for part in parts:
        assert (np.bincount(some.y[part], minlength=len(counts)) > 0).all()


@pytest.mark.parametrize("held", [20, 50, 80])
@pytest.mark.parametrize("left", [1, 2])
def test_what_is_held_back_has_every_class_and_leaves_some_of_it(held, left):
    y = of_counts([3, 4, 93]).y
    for seed in range(20):
        rest, out = divided(np.arange(100), y, held, seed, left=left)
        assert sorted([*rest, *out]) == list(range(100))
        assert len(out) == held
        assert np.bincount(y[out], minlength=3).min() >= 1
        assert np.bincount(y[rest], minlength=3).min() >= left


@settings(max_examples=150, deadline=None)
@given(
    counts=st.lists(st.integers(3, 60), min_size=2, max_size=8).filter(lambda c: round(0.15 * sum(c)) >= len(c)),
    seed=st.integers(0, 9999),
    folds=st.sampled_from([0, 0, 2, 3, 5]),
)
def test_a_split_has_every_class_in_proportion_or_says_why_not(counts, seed, folds):
    some, held = of_counts(counts), round(0.15 * sum(counts))
    test = split(some, seed)[2]
    if folds > (most := (counts - np.bincount(some.y[test], minlength=len(counts))).min()):
        with pytest.raises(
            ValueError, match=rf"folds = {folds} is not allowed: it must be from 2 to {most}, the rows of the small"
        ):
            split(some, seed, folds=folds)
        return
    for fold in range(max(folds, 1)):
        parts = split(some, seed, fold=fold, folds=folds)
        assert sorted(np.concatenate(parts)) == list(range(sum(counts)))
        np.testing.assert_array_equal(parts[2], test)
        assert len(test) == held
        assert (np.array([np.bincount(some.y[part], minlength=len(counts)) for part in parts]) > 0).all()
    found, wanted = np.bincount(some.y[test]), np.array(counts) * held / sum(counts)
    assert (np.abs(found - wanted) < 1 + (wanted < 1).sum()).all()  # what a class too rare for its share takes, others lack
    plain_rest, plain_test, *_ = train_test_split(np.arange(len(some.y)), test_size=held, random_state=seed, stratify=some.y)
    at_least = [np.bincount(some.y[rows], minlength=len(counts)).min() for rows in (plain_rest, plain_test)]
    if at_least[0] > 1 and at_least[1] > 0:
        np.testing.assert_array_equal(plain_test, test)


def test_where_no_class_is_rare_the_rows_are_those_of_a_plain_split():
    some = of_counts([50, 50, 50])
    rest, test = train_test_split(np.arange(150), test_size=22, random_state=3, stratify=some.y)
    train, val = train_test_split(rest, test_size=22, random_state=3, stratify=some.y[rest])
    for mine, theirs in zip(split(some, 3), (train, val, test), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_class_without_a_training_row_has_no_weight_to_find():
    np.testing.assert_array_equal(class_weights(np.array([0, 0, 3, 3, 3, 3])), [1.5, 1, 1, 0.75])


def test_a_seed_is_a_split():
    some = table()
    assert torch.equal(data_of(some, 1).x_train, data_of(some, 1).x_train)
    assert not torch.equal(data_of(some, 1).x_train, data_of(some, 2).x_train)


# Scaling


@pytest.mark.parametrize(("scaling", "of"), [("standard", "own"), ("standard", "standard"), ("none", "standard")])
def test_standardised_over_the_training_set(scaling, of):
    some = table(scaling=scaling)
    x = data_of(some, 0, Preparation(scaling=of)).x_train.numpy()
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(axis=0), 1, atol=1e-6)


def test_minmax_over_the_training_set():
    data = data_of(table(), 0, Preparation(scaling="minmax"))
    np.testing.assert_allclose(data.x_train.amin(dim=0), 0, atol=1e-6)
    np.testing.assert_allclose(data.x_train.amax(dim=0), 1, atol=1e-6)


def test_unscaled_is_as_it_was():
    some = table()
    data = data_of(some, 0, Preparation(scaling="none"))
    np.testing.assert_array_equal(data.x_test, some.x[split(some, 0)[2]].astype(np.float32))


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_a_constant_feature_becomes_zero(scaling):
    some = table()
    some.x[:, 1] = 0.1
    data = data_of(some, 0, Preparation(scaling=scaling))
    for name in INPUTS:
        np.testing.assert_allclose(getattr(data, name)[:, 1], 0, atol=1e-15)


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
@pytest.mark.parametrize("outliers", ["keep", "clip"])
@pytest.mark.parametrize("share", [1, 2])
def test_statistics_are_of_the_training_set_alone(scaling, outliers, share):
    some, wanted = table(), Preparation(scaling=scaling, outliers=outliers)
    some.x[split(some, 0)[0][:9], 0] = np.nan
    before = data_of(some, 0, wanted)
    planted = dataclasses.replace(some, x=some.x.copy())
    planted.x[split(some, 0)[share][0]] = 1e9
    after = data_of(planted, 0, wanted)
    assert torch.equal(before.x_train, after.x_train)
    for name in INPUTS[1:]:
        assert torch.equal(getattr(before, name)[1:], getattr(after, name)[1:])


# Missing values, outliers, balance, noise


def test_missing_values_are_the_training_median_and_told():
    some = numbered(100)
    train, val, test = split(some, 0)
    known = np.median(some.x[train[1:]])
    some.x[[train[0], val[0], test[0]]] = np.nan
    data = data_of(some, 0)
    assert [getattr(data, name)[0, 0].item() for name in INPUTS] == [known] * 3
    assert data.notes == ("3 missing values were filled with the median of their feature over the training set.",)


def test_one_missing_value_is_one():
    some = numbered(100)
    some.x[0] = np.nan
    assert data_of(some, 0).notes[0].startswith("1 missing value was filled")


def test_outliers_are_put_on_tukeys_fences_and_told():
    some = numbered(100)
    train, val, _ = split(some, 0)
    some.x[train[0]], some.x[val[0]] = 1e6, -1e6
    low, high = np.quantile(some.x[train], [0.25, 0.75])
    data = data_of(some, 0, Preparation(outliers="clip"))
    assert data.x_train[0].item() == pytest.approx(high + 1.5 * (high - low))
    assert data.x_val[0].item() == pytest.approx(low - 1.5 * (high - low))
    np.testing.assert_array_equal(data.x_train[1:], some.x[train[1:]])
    assert data.notes == ("2 values were set to 1.5 quartile ranges beyond the quartiles of the training set.",)


def test_nothing_beyond_the_fences_nothing_told():
    assert data_of(numbered(100), 0, Preparation(outliers="clip")).notes == ()


def test_a_feature_of_equal_quartiles_has_no_fences():
    some = table()
    some.x[:, 0] = 0
    some.x[::9, 0] = 1
    data = data_of(some, 0, Preparation(scaling="none", outliers="clip"))
    assert data.x_train[:, 0].sum() > 10


def test_oversampling_draws_the_smaller_classes_again():
    before, after = data_of(unequal(), 0), data_of(unequal(), 0, Preparation(balance="oversample"))
    counts = np.bincount(before.y_train)
    assert np.bincount(after.y_train).tolist() == [counts.max()] * 3
    assert torch.equal(after.x_train[: len(before.x_train)], before.x_train)
    for number in range(3):
        rows = [set(data.x_train[data.y_train == number, 0].tolist()) for data in (before, after)]
        assert rows[0] == rows[1]
    assert torch.equal(after.x_val, before.x_val)
    assert torch.equal(after.y_test, before.y_test)
    again = 3 * counts.max() - counts.sum()
    assert after.notes == (f"{again} training rows were drawn again so that all classes have as many.",)


def test_equal_classes_need_no_oversampling():
    wanted = Preparation(balance="oversample")
    assert torch.equal(data_of(table(), 0, wanted).x_train, data_of(table(), 0).x_train)
    assert data_of(table(), 0, wanted).notes == ()


def test_scaling_is_of_the_rows_before_they_are_drawn_again():
    some = dataclasses.replace(unequal(), scaling="standard")
    balanced = data_of(some, 0, Preparation(balance="oversample"))
    assert torch.equal(balanced.x_val, data_of(some, 0).x_val)


def test_noise_is_in_deviations_on_the_training_inputs_alone():
    some = table(4000, scaling="none")
    some.x[:, 2] = 7
    before, after = data_of(some, 0), data_of(some, 0, Preparation(noise=0.5))
    noise = (after.x_train - before.x_train).numpy()
    np.testing.assert_allclose(noise.std(axis=0)[:2] / some.x.std(axis=0)[:2], 0.5, rtol=0.05)
    assert not noise[:, 2].any()
    assert torch.equal(after.x_val, before.x_val)
    assert torch.equal(after.x_test, before.x_test)
    assert after.notes == ("Normal noise of 0.5 deviations was added to the training inputs.",)
    assert torch.equal(data_of(some, 0, Preparation(noise=0.5)).x_train, after.x_train)


def test_noise_is_drawn_from_the_seed():
    some = table()
    drawn = [(data_of(some, seed, Preparation(noise=1.0)).x_train - data_of(some, seed).x_train) for seed in (1, 2)]
    assert not torch.allclose(drawn[0], drawn[1], atol=1e-3)


def test_a_plain_preparation_tells_nothing_and_keeps_what_the_table_says():
    some = table()
    data = data_of(some, 0)
    assert (data.shape, data.classes, data.vocabulary, data.notes) == (some.shape, some.classes, (), ())
    assert hash(Preparation()) == hash(Preparation(scaling="own"))


def test_the_table_is_left_as_it_was():
    some = table()
    some.x[3] = np.nan
    before = some.x.copy()
    data_of(some, 0, Preparation("minmax", "clip", "oversample", noise=1.0))
    np.testing.assert_array_equal(some.x, before)


@pytest.mark.parametrize(
    ("some", "x", "y"),
    [
        (table(), torch.float32, torch.int64),
        (table(classes=0), torch.float32, torch.float32),
        (table(x=np.ones((200, 3)), scaling="none", vocabulary=("·", "yes")), torch.int64, torch.int64),
    ],
    ids=["classes", "regression", "tokens"],
)
def test_the_tensors_have_the_types_of_their_kind(some, x, y):
    data = data_of(some, 0)
    assert {getattr(data, name).dtype for name in INPUTS} == {x}
    assert {data.y_train.dtype, data.y_val.dtype, data.y_test.dtype} == {y}
    assert data.y_train.shape[1:] == some.y.shape[1:]


def test_class_weights_make_all_classes_weigh_alike():
    y = data_of(unequal(), 0).y_train
    weights = class_weights(y)
    weighed = weights * np.bincount(y)
    np.testing.assert_allclose(weighed, weighed[0])
    assert weights[y].mean() == pytest.approx(1)
    np.testing.assert_array_equal(class_weights(y.numpy()), weights)


# Bad input


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"scaling": "log"}, "scaling = 'log' is not allowed: it must be one of own, none, standard, minmax"),
        ({"outliers": "drop"}, "outliers = 'drop' is not allowed: it must be one of keep, clip"),
        ({"balance": "smote"}, "balance = 'smote' is not allowed: it must be one of none, oversample"),
        ({"folds": 1}, "folds = 1 is not allowed: it must be 2 or more, or 0 for a simple split"),
        ({"folds": -2}, "folds = -2 is not allowed"),
        ({"fold": 1}, "fold = 1 is not allowed: it must be from 0 to 0"),
        ({"fold": 5, "folds": 5}, "fold = 5 is not allowed: it must be from 0 to 4"),
        ({"fold": -1, "folds": 5}, "fold = -1 is not allowed"),
        ({"noise": -0.1}, "noise = -0.1 is not allowed: it must be 0 or more"),
        ({"noise": np.nan}, "noise = nan is not allowed"),
        ({"noise": np.inf}, "noise = inf is not allowed"),
    ],
)
def test_a_preparation_checks_itself(changes, told):
    with pytest.raises(ValueError, match=told):
        Preparation(**changes)


def of_classes(*counts: int) -> Table:
    y = np.repeat(np.arange(len(counts)), counts)
    return table(len(y), classes=len(counts), y=y)


@pytest.mark.parametrize(
    ("some", "wanted", "told"),
    [
        (of_classes(9, 1), {}, "class b has 1 rows: allowed are 3 or more, one for each of three sets"),
        (of_classes(9, 9, 0), {}, "class c has 0 rows"),
        (table(2, classes=0), {}, "the table has 2 rows: allowed are 3 or more"),
        (of_classes(3, 3, 3), {}, "9 rows are too few for 3 classes: a set of 1 cannot hold one of each"),
        (of_classes(50, 5), {"folds": 9}, "folds = 9 is not allowed: it must be from 2 to 4, the rows of the smallest"),
        (table(10, classes=0), {"folds": 9}, "folds = 9 is not allowed: it must be from 2 to 8, the rows of the table"),
        (table(classes=0), {"balance": "oversample"}, "there are no classes to balance"),
        (table(scaling="none", vocabulary=("a",)), {"scaling": "minmax"}, "tokens are not measurements"),
        (table(scaling="none", vocabulary=("a",)), {"outliers": "clip"}, "tokens are not measurements"),
        (table(scaling="none", vocabulary=("a",)), {"noise": 0.1}, "tokens are not measurements"),
    ],
)
def test_what_a_table_does_not_admit_is_refused(some, wanted, told):
    with pytest.raises(ValueError, match=told):
        data_of(some, 0, Preparation(**wanted))


@pytest.mark.parametrize("folds", [3, 5])
def test_a_class_of_one_row_more_than_folds_is_enough(folds):
    some = of_classes(50, folds + 1)
    assert all((np.bincount(some.y[split(some, 0, fold=fold, folds=folds)[0]]) > 0).all() for fold in range(folds))


def test_a_feature_without_a_value_is_named():
    some = table()
    some.x[split(some, 0)[0], 1] = np.nan
    with pytest.raises(ValueError, match="feature 1 has no value in the training set"):
        data_of(some, 0)


# Augmentation


class Draws:
    """The same draws for every image, from 0, the lowest, to 1, the highest; an image is mirrored below ½."""

    def __init__(self, down=0.5, right=0.5, angle=0.5, mirror=0.9):
        self.draws = np.array([down, right, angle, mirror])

    def random(self, shape):
        return np.broadcast_to(self.draws.reshape(4, 1, 1, 1), shape)


SHAPES = [(1, 6, 6), (3, 6, 6), (1, 5, 7)]
LAST = 1 - 2**-53


def images(shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(0).random((4, int(np.prod(shape)))).astype(dtype)


def moved(x: np.ndarray, shape: tuple[int, ...], augmentation: Augmentation, **draws) -> np.ndarray:
    """Images (rows, channels, height, width) after these draws."""
    return augmented(x, shape, augmentation, Draws(**draws)).reshape(-1, *shape)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_augmentation_is_none(shape, dtype):
    x = images(shape, dtype)
    after = augmented(x, shape, Augmentation(), np.random.default_rng(0))
    np.testing.assert_array_equal(after, x)
    assert after.dtype == x.dtype


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shift_leaves_zeros_behind(shape):
    x = images(shape)
    before, after = x.reshape(-1, *shape), moved(x, shape, Augmentation(shift=2), down=LAST, right=0)
    np.testing.assert_array_equal(after[:, :, 2:, :-2], before[:, :, :-2, 2:])
    assert not after[:, :, :2].any()
    assert not after[:, :, :, -2:].any()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_flip_is_a_mirror_image(shape):
    x = images(shape)
    np.testing.assert_array_equal(moved(x, shape, Augmentation(flip=True), mirror=0.4), x.reshape(-1, *shape)[..., ::-1])
    np.testing.assert_array_equal(moved(x, shape, Augmentation(flip=True), mirror=0.6), x.reshape(-1, *shape))
    np.testing.assert_array_equal(moved(x, shape, Augmentation(), mirror=0.4), x.reshape(-1, *shape))


@pytest.mark.parametrize("shape", SHAPES[:2])
@pytest.mark.parametrize(("angle", "quarters"), [(0.0, -1), (0.5, 0), (1.0, 1)])
def test_a_quarter_turn(shape, angle, quarters):
    x = images(shape)
    turned = moved(x, shape, Augmentation(rotate=90), angle=angle)
    np.testing.assert_allclose(turned, np.rot90(x.reshape(-1, *shape), quarters, axes=(2, 3)), atol=1e-6)


def test_all_three_are_a_mirror_then_a_turn_then_a_shift():
    x, shape = images((1, 6, 6)), (1, 6, 6)
    together = moved(x, shape, Augmentation(1, 90, True), down=LAST, right=LAST, angle=1.0, mirror=0.1)
    by_hand = np.rot90(x.reshape(-1, *shape)[..., ::-1], axes=(2, 3))
    np.testing.assert_allclose(together[..., 1:, 1:], by_hand[..., :-1, :-1], atol=1e-6)


def test_between_pixels_it_is_linear():
    v, u = np.mgrid[:9, :9]
    plane, angle = (2.0 * v + 3.0 * u).reshape(1, -1), np.pi / 6
    turned = moved(plane, (1, 9, 9), Augmentation(rotate=30), angle=1.0)[0, 0]
    from_v = np.cos(angle) * (v - 4) + np.sin(angle) * (u - 4) + 4
    from_u = np.cos(angle) * (u - 4) - np.sin(angle) * (v - 4) + 4
    inside = (from_v >= 0) & (from_v <= 8) & (from_u >= 0) & (from_u <= 8)
    assert inside.sum() > 50
    np.testing.assert_allclose(turned[inside], (2 * from_v + 3 * from_u)[inside], rtol=1e-12)


def test_shifts_are_all_alike_likely():
    image = np.zeros((6000, 49), dtype=np.float32)
    image[:, 24] = 1
    after = augmented(image, (1, 7, 7), Augmentation(shift=1), np.random.default_rng(0)).reshape(-1, 7, 7)
    np.testing.assert_allclose(after.mean(axis=0)[2:5, 2:5], 1 / 9, atol=0.015)


@pytest.mark.parametrize("augmentation", [Augmentation(), Augmentation(2), Augmentation(2, 30, True)])
def test_the_draws_are_as_many_whatever_is_done(augmentation):
    rng, other = np.random.default_rng(3), np.random.default_rng(3)
    augmented(images((1, 6, 6)), (1, 6, 6), augmentation, rng)
    other.random(16)
    assert rng.random() == other.random()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"shift": -1}, "shift = -1 is not allowed: it must be a whole number of pixels"),
        ({"shift": 0.5}, r"shift = 0\.5 is not allowed"),
        ({"rotate": 181}, "rotate = 181 is not allowed: it must be from 0 to 180 degrees"),
        ({"rotate": np.nan}, "rotate = nan is not allowed"),
    ],
)
def test_an_augmentation_checks_itself(changes, told):
    with pytest.raises(ValueError, match=told):
        Augmentation(**changes)


def test_only_images_are_augmented():
    with pytest.raises(ValueError, match=r"shape = \(8, 8\) is not allowed: images have three sizes"):
        augmented(np.zeros((5, 64)), (8, 8), Augmentation(), np.random.default_rng(0))

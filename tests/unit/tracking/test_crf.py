"""The dense CRF against an exact O(N²) mean field written here.

pydensecrf's lattice is exact in three limits (every pixel alone, all pixels together, blocks of one
colour), so weights, normalisation, compatibility and kernels are held there to 1e-5; in between it
is an approximation, and the true wiring must be nearer to it than every wrong one.
"""

import builtins
from dataclasses import replace

import cv2
import numpy as np
import pytest
from real_data import real_data

from masktrack_core.errors import InputError
from masktrack_core.files.archives import frame_key
from masktrack_core.measures.metrics import region_similarity
from masktrack_core.tracking.crf import PUBLISHED, CrfParams, refine
from masktrack_core.tracking.crf_kernels import KeptKernels
from masktrack_core.tracking.crf_search import SearchParams, search_crf
from masktrack_core.tracking.refinement import TrackedObject

REAL = real_data()
SIZE = (12, 17)


def kernel(features):
    """Return exp(-|f - f'|² / 2) between all pixels, normalised by the roots of its sums."""
    distances = ((features[:, None] - features[None]) ** 2).sum(-1)
    values = np.exp(-distances / 2)
    roots = 1 / np.sqrt(values.sum(1))
    return values * roots[:, None] * roots[None]


def exact(frame, prob, params):
    height, width = prob.shape
    y, x = np.mgrid[:height, :width]
    positions = np.stack([x.ravel(), y.ravel()], 1).astype(float)
    colours = frame.reshape(-1, 3).astype(float)
    bilateral = np.hstack([positions / params.bilateral_sxy, colours / params.bilateral_srgb])
    messages = params.gaussian_weight * kernel(positions / params.gaussian_sxy)
    messages = messages + params.bilateral_weight * kernel(bilateral)
    foreground = np.clip(prob.astype(float).ravel(), 1e-5, 1 - 1e-5)
    scores = np.log(np.stack([1 - foreground, foreground]))
    marginals = np.exp(scores)
    for _ in range(params.iterations):
        marginals = np.exp(scores + marginals @ messages)
        marginals /= marginals.sum(0)
    return marginals[1].reshape(height, width)


@pytest.fixture
def noise():
    rng = np.random.default_rng(0)
    prob = rng.uniform(0.05, 0.95, SIZE).astype(np.float32)
    return rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8), prob


def blocks():
    """Return a frame of three far-apart colours that differ in one channel each."""
    frame = np.zeros((*SIZE, 3), np.uint8)
    frame[:, 8:, 0] = 200
    frame[3:5, :, 2] = 90
    return frame


def smooth():
    """Return a coloured object, off the diagonal, over a background of another colour."""
    frame = np.full((*SIZE, 3), (60, 120, 40), np.uint8)
    frame[2:6, 4:15] = (90, 110, 60)
    frame[..., 0] += np.arange(SIZE[1], dtype=np.uint8)
    return frame


@pytest.mark.parametrize("iterations", [0, 1, 5])
def test_without_kernels_the_probability_comes_back_clipped(noise, iterations):
    frame, prob = noise
    prob[0, :2] = 0, 1
    params = CrfParams(bilateral_weight=0, gaussian_weight=0, iterations=iterations)
    refined = refine(frame, prob, params)
    assert refined.dtype == np.float32
    np.testing.assert_allclose(refined, np.clip(prob, 1e-5, 1 - 1e-5), rtol=1e-4)


@pytest.mark.parametrize("iterations", [1, 5])
@pytest.mark.parametrize(
    "params",
    [
        CrfParams(bilateral_weight=0, gaussian_weight=2, gaussian_sxy=0.05),
        CrfParams(bilateral_weight=0, gaussian_weight=2, gaussian_sxy=1e5),
        CrfParams(bilateral_weight=3, bilateral_sxy=1e5, bilateral_srgb=1, gaussian_weight=0),
        CrfParams(bilateral_sxy=1e5, bilateral_srgb=1, gaussian_weight=1.5, gaussian_sxy=0.05),
    ],
    ids=["every pixel alone", "all pixels together", "blocks of one colour", "both kernels"],
)
def test_refinement_is_exact_where_the_lattice_is(noise, params, iterations):
    params = replace(params, iterations=iterations)
    expected = exact(blocks(), noise[1], params)
    assert np.abs(expected - noise[1]).max() > 0.02, "the case must move the probability"
    np.testing.assert_allclose(refine(blocks(), noise[1], params), expected, atol=2e-5)


@pytest.mark.parametrize("sxy", [2.0, 4.0])
def test_gaussian_kernel_is_near_the_exact_one(noise, sxy):
    params = CrfParams(bilateral_weight=0, gaussian_sxy=sxy)
    expected = exact(*noise, params)
    refined = refine(*noise, params)
    assert np.abs(refined - expected).max() < 0.03
    assert np.abs(refined - noise[1]).max() > 0.1


WRONG = {
    "weights exchanged": {"bilateral_weight": 1.0, "gaussian_weight": 3.0},
    "bilateral widths exchanged": {"bilateral_sxy": 30.0, "bilateral_srgb": 3.0},
    "widths in space exchanged": {"bilateral_sxy": 1.0, "gaussian_sxy": 3.0},
    "variance for width": {"bilateral_sxy": 9.0, "bilateral_srgb": 900.0},
}


def test_right_wiring_is_nearer_to_the_exact_form_than_every_wrong_one(noise):
    frame, prob = smooth(), 0.3 + 0.4 * noise[1]
    right = CrfParams(
        bilateral_weight=3,
        bilateral_sxy=3,
        bilateral_srgb=30,
        gaussian_weight=1,
        gaussian_sxy=1,
        iterations=1,
    )
    refined = refine(frame, prob, right)
    errors = {
        name: np.abs(refined - exact(frame, prob, replace(right, **wrong))).mean()
        for name, wrong in WRONG.items()
    }
    error = np.abs(refined - exact(frame, prob, right)).mean()
    assert error < 0.01
    assert min(errors.values()) > 3 * error, errors


def test_rows_and_columns_are_not_exchanged(noise):
    frame, prob = noise
    params = CrfParams(bilateral_weight=0)
    exchanged = exact(frame, prob.reshape(SIZE[::-1]), params).reshape(SIZE)
    refined = refine(frame, prob, params)
    assert (
        np.abs(refined - exchanged).max() > 5 * np.abs(refined - exact(frame, prob, params)).max()
    )


def test_labels_are_treated_alike(noise):
    frame, prob = noise
    params = CrfParams(iterations=3)
    np.testing.assert_allclose(
        refine(frame, 1 - prob, params), 1 - refine(frame, prob, params), atol=1e-4
    )


def test_one_stray_pixel_gives_way_to_its_neighbours():
    frame, prob = np.full((*SIZE, 3), 80, np.uint8), np.full(SIZE, 0.2, np.float32)
    prob[6, 9] = 0.8
    assert refine(frame, prob, CrfParams())[6, 9] < 0.01


def test_same_input_gives_the_same_bits(noise):
    np.testing.assert_array_equal(refine(*noise, CrfParams()), refine(*noise, CrfParams()))


def test_empty_probability_passes_unchanged(noise):
    prob = np.full(SIZE, 5e-4, np.float32)
    for margin in (None, 0, 3):
        refined = refine(noise[0], prob, CrfParams(region_margin=margin))
        np.testing.assert_array_equal(refined, prob)
        assert refined is not prob
    assert refine(noise[0], prob, CrfParams(empty_below=0)).max() < 0.5  # nothing was lost


def test_faint_probability_has_no_region_and_passes_unchanged(noise):
    prob = np.full(SIZE, 0.02, np.float32)
    np.testing.assert_array_equal(refine(noise[0], prob, CrfParams(region_margin=3)), prob)


def test_nothing_changes_outside_the_region(noise):
    frame, prob = noise[0], np.full(SIZE, 0.04, np.float32)
    prob[5:8, 6:9] = noise[1][5:8, 6:9].clip(0.1)
    refined = refine(frame, prob, CrfParams(region_margin=2))
    inside = np.zeros(SIZE, bool)
    inside[3:10, 4:11] = True
    np.testing.assert_array_equal(refined[~inside], prob[~inside])
    assert (refined[inside] != prob[inside]).all()


def test_region_at_the_corner_is_the_refinement_of_its_crop(noise):
    frame, prob = noise[0], np.zeros(SIZE, np.float32)
    prob[0:4, :5] = 0.7
    refined = refine(frame, prob, CrfParams(region_margin=3))
    crop = refine(frame[:7, :8], prob[:7, :8], CrfParams())
    np.testing.assert_array_equal(refined[:7, :8], crop)


def test_region_keeps_the_coordinates_of_the_frame():
    """With a region as wide as the kernels reach, only the lattice's place could differ."""
    rng = np.random.default_rng(1)
    frame = rng.integers(100, 130, (80, 90, 3), dtype=np.uint8)
    prob = np.zeros((80, 90), np.float32)
    prob[42:52, 47:60] = rng.uniform(0.3, 0.9, (10, 13))
    whole = CrfParams(bilateral_sxy=4, bilateral_srgb=20)
    region = refine(frame, prob, replace(whole, region_margin=25))
    assert np.abs(region - refine(frame, prob, whole)).max() < 2e-3


def test_whole_frame_equals_the_package_s_own_frame_interface(noise):
    from pydensecrf import densecrf

    frame, prob = noise
    unary = -np.log(np.stack([1 - prob, prob])).reshape(2, -1).astype(np.float32)
    model = densecrf.DenseCRF2D(SIZE[1], SIZE[0], 2)
    model.setUnaryEnergy(unary)
    model.addPairwiseGaussian(sxy=2, compat=2)
    model.addPairwiseBilateral(sxy=65, srgb=3, rgbim=frame, compat=4)
    expected = np.array(model.inference(10))[1].reshape(SIZE)
    np.testing.assert_array_equal(refine(frame, prob, CrfParams()), expected.clip(0, 1))


def test_margin_beyond_the_frame_is_the_whole_frame(noise):
    np.testing.assert_array_equal(
        refine(*noise, CrfParams(region_margin=10_000)), refine(*noise, CrfParams())
    )


def test_views_and_read_only_arrays_are_taken_and_left_alone(noise):
    frame, prob = noise
    expected = refine(frame, prob, CrfParams())
    wide = np.zeros((SIZE[0], 2 * SIZE[1], 3), np.uint8)
    wide[:, ::2] = frame[..., ::-1]
    view = wide[:, ::2, ::-1]
    assert not view.flags.c_contiguous
    wide.flags.writeable = prob.flags.writeable = False
    before = wide.copy(), prob.copy()
    np.testing.assert_array_equal(refine(view, np.asfortranarray(prob), CrfParams()), expected)
    np.testing.assert_array_equal(refine(view, prob, CrfParams()), expected)
    assert (wide == before[0]).all() and (prob == before[1]).all()


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.5, np.inf])
def test_value_that_is_no_probability_is_refused(noise, value):
    frame, prob = noise
    prob[3, 3] = value
    with pytest.raises(InputError, match=r"prob: expected values in \[0, 1\]"):
        refine(frame, prob, CrfParams())


def test_wrong_arrays_are_named(noise):
    frame, prob = noise
    with pytest.raises(InputError, match=r"prob: expected shape \(12, 17\) like frame, got \(6, 8"):
        refine(frame, prob[::2, ::2][:, :8], CrfParams())
    with pytest.raises(InputError, match="frame: expected RGB uint8"):
        refine(frame / 255, prob, CrfParams())
    with pytest.raises(InputError, match="divide by"):
        refine(frame, (prob * 255).astype(np.uint8), CrfParams())


@pytest.mark.parametrize("wrong", [{"bilateral_sxy": 0}, {"iterations": -1}, {"region_margin": -2}])
def test_parameter_out_of_range_is_named(wrong):
    with pytest.raises(InputError, match=rf"crf\.{next(iter(wrong))}: expected"):
        CrfParams(**wrong)


def test_missing_package_says_what_to_install(noise, monkeypatch):
    real_import = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("pydensecrf"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=r"pydensecrf2==1\.1"):
        refine(*noise, CrfParams())


def test_published_sets_are_those_of_the_table():
    table = {name: tuple(vars(params).values())[:6] for name, params in PUBLISHED.items()}
    assert table == {
        "deeplab_v2_vgg16": (4, 65, 3, 2, 2, 10),
        "deeplab_v2_resnet101": (4, 67, 3, 3, 1, 10),
        "deeplab_v1_largefov": (4, 49, 5, 3, 3, 10),
        "onavos_davis": (1.40327, 22.3761, 7.70254, 1.24845, 0.22088, 12),
    }


@pytest.mark.real
def test_region_of_two_widths_flips_a_few_pixels_of_a_real_frame():
    folder = REAL / "DAVIS" / "JPEGImages" / "480p" / "bear"
    if not folder.is_dir():
        pytest.skip(f"no DAVIS below {REAL}")
    frame = cv2.cvtColor(cv2.imread(str(folder / "00010.jpg")), cv2.COLOR_BGR2RGB)
    path = str(folder / "00010.png").replace("JPEGImages", "Annotations")
    truth = (cv2.imread(path, cv2.IMREAD_GRAYSCALE) > 127).astype(np.float32)
    frame, truth = frame[::2, ::2], truth[::2, ::2]
    prob = cv2.GaussianBlur(truth, (0, 0), 3).clip(0, 1)
    params = PUBLISHED["onavos_davis"]
    whole = refine(frame, prob, params) > 0.5
    region = refine(frame, prob, replace(params, region_margin=45)) > 0.5
    assert (whole != region).mean() < 1e-4


def test_without_iterations_no_lattice_is_built_and_the_bytes_are_those_with_them(
    noise, monkeypatch
):
    """The binding's answer after no steps, with both kernels added: what was returned before."""
    densecrf = pytest.importorskip("pydensecrf.densecrf")
    frame, prob = noise
    clipped = np.clip(prob, 1e-5, 1 - 1e-5)
    unary = -np.log(np.stack([1 - clipped, clipped])).reshape(2, -1)
    model = densecrf.DenseCRF(prob.size, 2)
    model.setUnaryEnergy(np.ascontiguousarray(unary, np.float32))
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].reshape(2, -1).astype(np.float32)
    model.addPairwiseEnergy(np.stack([x, y]), compat=3.0)
    expected = np.array(model.inference(0), np.float32)[1].reshape(prob.shape)

    class NoKernels:
        """The binding's class, which cannot be derived from, without the kernels."""

        def __init__(self, *given):
            self.model = whole(*given)
            self.setUnaryEnergy, self.inference = self.model.setUnaryEnergy, self.model.inference

        def addPairwiseEnergy(self, *_given, **_named):  # noqa: N802 - the binding's name
            raise RuntimeError("a lattice was built")

    whole = densecrf.DenseCRF
    monkeypatch.setattr(densecrf, "DenseCRF", NoKernels)
    assert np.array_equal(refine(frame, prob, CrfParams(iterations=0)), expected)
    with pytest.raises(RuntimeError, match="a lattice was built"):
        refine(frame, prob, CrfParams(iterations=1))


def test_kept_kernels_give_the_same_bytes_whatever_was_refined_before(noise):
    frame, prob = noise
    kept = KeptKernels()
    base = CrfParams(bilateral_sxy=5, bilateral_srgb=40, iterations=3)
    changes = [
        {},
        {"bilateral_weight": 1.3, "gaussian_weight": 0.7},
        {"iterations": 7},
        {"bilateral_srgb": 13.0},
        {"gaussian_sxy": 1.1},
        {"gaussian_weight": 0},
        {"bilateral_weight": 0},
        {"iterations": 0},
        {"region_margin": 2, "region_prob": 0.94},
        {},
    ]
    for change in changes:
        params = replace(base, **change)
        for given in (prob, np.ascontiguousarray(prob[::-1])):
            assert np.array_equal(
                refine(frame, given, params, kept=kept), refine(frame, given, params)
            )


def test_a_search_builds_a_lattice_for_each_pair_of_widths(noise, monkeypatch):
    """Not for each trial: two widths of the bilateral kernel, one of the other, six weights."""
    densecrf = pytest.importorskip("pydensecrf.densecrf")
    whole, built = densecrf.DenseCRF, []

    class Counting:
        """The binding's class, which cannot be derived from."""

        def __init__(self, *given):
            self.model = whole(*given)

        def __getattr__(self, name):
            return getattr(self.model, name)

        def addPairwiseEnergy(self, features, **named):  # noqa: N802 - the binding's name
            built.append(len(features))
            self.model.addPairwiseEnergy(features, **named)

    frame, prob = noise

    class OneFrame:
        first = 0

        def __getitem__(self, t):
            return frame

        def __len__(self):
            return 2

        def has_truth(self, t):
            return t == 1

        def truth(self, t):
            return prob > 0.4

    grid = {"bilateral_weight": [1, 2, 4], "bilateral_sxy": [3, 9], "gaussian_weight": [1, 3]}
    search = SearchParams(start=CrfParams(iterations=2), grid=grid)
    tracked = TrackedObject(video=OneFrame(), tracks=[{frame_key(1): prob}])
    expected = [
        100 * region_similarity((refine(frame, prob, p) > 0.5)[None], (prob > 0.4)[None])[0]
        for p in search.candidates()
    ]
    monkeypatch.setattr(densecrf, "DenseCRF", Counting)
    trials = search_crf({"a/1": tracked}, search)
    assert trials["a/1"][1:].tolist() == expected
    assert sorted(built) == [2, 5, 5]

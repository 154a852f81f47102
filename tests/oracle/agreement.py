"""Reference values of agreement and variance components: input data and what krippendorff, statsmodels, scikit-learn, scipy and pingouin say."""

import itertools
import math
import warnings

import krippendorff
import numpy as np
import pandas as pd
import pingouin
from scipy import stats
from sklearn.metrics import cohen_kappa_score, confusion_matrix
from statsmodels.stats import inter_rater

LEVELS = [1, 2, 3, 4, 5]
RESAMPLES = 4_000

# Krippendorff, "Computing Krippendorff's alpha-reliability" (2011): four observers, twelve units.
KRIPPENDORFF = [
    "1 2 3 3 2 1 4 1 2 * * *",
    "1 2 3 3 2 2 4 1 2 5 * 3",
    "* 3 3 3 2 3 4 2 2 5 1 *",
    "1 2 3 3 2 4 4 1 2 5 1 *",
]
# Shrout & Fleiss (1979), table 2: six targets, four judges.
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
# Counts of ten subjects over five categories by fourteen raters, the usual worked example of Fleiss' kappa.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def levels(rng, items, raters, noise, missing=0.0):
    """Raters of one latent level each item, with noise and gaps."""
    latent = rng.uniform(1, 5, items)
    table = np.clip(np.rint(latent[:, None] + rng.normal(0, noise, (items, raters))), 1, 5)
    table[rng.uniform(size=table.shape) < missing] = np.nan
    return table


def tables():
    rng = np.random.default_rng(4)
    cells = [line.split() for line in KRIPPENDORFF]
    counted = [[level for level, count in zip(LEVELS, row) for _ in range(count)] for row in FLEISS]
    yield "krippendorff", np.array([[math.nan if cell == "*" else float(cell) for cell in line] for line in cells]).T
    yield "shrout_fleiss", np.array(SHROUT_FLEISS, float)
    yield "fleiss", np.array(counted, float)
    yield "two_raters", levels(rng, 40, 2, 0.8)
    yield "three_raters", levels(rng, 60, 3, 0.6)
    yield "five_raters_missing", levels(rng, 50, 5, 1.2, 0.25)
    yield "worse_than_chance", np.array([[1, 5], [5, 1], [2, 4], [4, 2], [1, 4], [5, 2]], float)
    yield "fractions", np.round(rng.uniform(1, 5, (25, 3)), 3)
    yield "large_offset", levels(rng, 30, 3, 0.7) + 1e4
    yield "one_differs", np.array([[3, 3, 3]] * 9 + [[3, 4, 3]], float)
    yield "mostly_missing", np.array([[1, math.nan, 2], [math.nan, 3, math.nan], [4, 4, math.nan], [math.nan] * 3, [5, 2, math.nan]], float)
    yield "constant", np.full((6, 3), 4.0)
    yield "one_rater", levels(rng, 8, 1, 0.5)
    yield "all_missing", np.full((4, 3), math.nan)


def number(value):
    return None if value is None or not math.isfinite(value) else float(value)


def numbers(values):
    return [number(value) for value in values]


def alpha(table, level):
    try:
        return number(krippendorff.alpha(reliability_data=table.T, level_of_measurement=level))
    except ValueError:  # nothing to compare, or one value only
        return None


def complete(table):
    return table[~np.isnan(table).any(axis=1)]


def fleiss(table):
    rows = complete(table)
    if len(rows) == 0 or table.shape[1] < 2 or len(np.unique(rows)) < 2:
        return None
    return number(inter_rater.fleiss_kappa(inter_rater.aggregate_raters(rows)[0]))


def percent(table):
    shares = []
    for row in table:
        pairs = list(itertools.combinations(row[~np.isnan(row)], 2))
        if pairs:
            shares.append(np.mean([a == b for a, b in pairs]))
    return number(np.mean(shares)) if shares else None


def icc(table):
    rows = complete(table)
    if len(rows) < 2 or table.shape[1] < 2 or len(np.unique(rows)) < 2:
        return None
    long = pd.DataFrame(rows).reset_index().melt(id_vars="index", var_name="rater", value_name="rating")
    found = pingouin.intraclass_corr(long, targets="index", raters="rater", ratings="rating").set_index("Type")
    names = {"icc1": "ICC(1,1)", "icc2": "ICC(A,1)", "icc3": "ICC(C,1)", "icc1k": "ICC(1,k)", "icc2k": "ICC(A,k)", "icc3k": "ICC(C,k)"}
    forms = {}
    for ours, theirs in names.items():
        row = found.loc[theirs]
        forms[ours] = {
            "value": number(row["ICC"]), "f": number(row["F"]), "df": numbers([row["df1"], row["df2"]]),
            "p": number(row["pval"]), "ci95": numbers(row["CI95"]),
        }  # fmt: skip
    return {"items": len(rows), "raters": rows.shape[1], **forms}


def interval(n, statistic):
    """Percentile interval by numpy's own draws: near the program's only as far as resamples can be."""
    rng = np.random.default_rng(9)
    values = [statistic(rng.integers(0, n, n)) for _ in range(RESAMPLES)]
    return numbers(np.quantile(values, [0.025, 0.975]))


def table_golden(name, table):
    golden = {"name": name, "rows": [numbers(row) for row in table]}
    golden["alpha"] = {level: alpha(table, level) for level in ("nominal", "ordinal", "interval")}
    golden |= {"fleiss": fleiss(table), "percent": percent(table), "icc": icc(table)}
    if name in ("three_raters", "two_raters"):
        units = table[(~np.isnan(table)).sum(axis=1) >= 2]
        golden["alpha_ci95"] = interval(len(units), lambda picked: alpha(units[picked], "ordinal"))
    return golden


def pairs():
    rng = np.random.default_rng(5)
    rated = levels(rng, 50, 2, 0.9)
    yield "levels", rated
    yield "biased", np.clip(rated + [0, 1], 1, 5)
    yield "halves", np.round(levels(rng, 30, 2, 0.7) * 2 + rng.integers(0, 2, (30, 2))) / 2
    yield "continuous_20", rng.normal(size=(20, 2)) @ np.array([[1, 0.6], [0, 0.8]])
    yield "continuous_33", rng.normal(size=(33, 2))
    yield "continuous_80", rng.normal(size=(80, 2)) @ np.array([[1, 0.3], [0, 0.9]])
    near = np.arange(40.0)
    swapped = near.copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    yield "one_swap_of_40", np.column_stack([near, swapped])
    yield "reversed", np.column_stack([near[:6], -near[:6]])
    yield "middle", np.array([[1, 2], [2, 4], [3, 1], [4, 3]], float)
    yield "three", np.array([[1, 1], [2, 3], [3, 2]], float)
    yield "two", np.array([[1, 2], [3, 5]], float)
    yield "equal", np.column_stack([rated[:9, 0]] * 2)
    yield "one_side_constant", np.array([[3, 1], [3, 2], [3, 5]], float)
    yield "constant", np.full((5, 2), 2.0)
    yield "one", np.array([[1.0, 2.0]])


def kappa(pair, weights):
    codes = np.unique(pair, return_inverse=True)[1].reshape(pair.shape)
    if len(np.unique(codes)) < 2:
        return None
    on_scale = (np.isin(pair, LEVELS)).all()
    if weights is not None and not on_scale:
        return None  # scikit-learn weighs by position among the labels, which is the distance only on the scale's own levels
    return number(cohen_kappa_score(pair[:, 0].astype(int), pair[:, 1].astype(int), labels=LEVELS, weights=weights) if on_scale
                  else cohen_kappa_score(codes[:, 0], codes[:, 1]))  # fmt: skip


def bland_altman(pair):
    difference = pair[:, 0] - pair[:, 1]
    n = len(difference)
    if n < 2:
        return None
    z, t = stats.norm.ppf(0.975), stats.t.ppf(0.975, n - 1)
    bias, sd = difference.mean(), difference.std(ddof=1)
    half = t * sd * math.sqrt(1 / n + z**2 / (2 * (n - 1)))
    limits = [bias - z * sd, bias + z * sd]
    return {
        "bias": bias, "bias_ci95": [bias - t * sd / math.sqrt(n), bias + t * sd / math.sqrt(n)], "sd": sd, "limits": limits,
        "lower_ci95": [limits[0] - half, limits[0] + half], "upper_ci95": [limits[1] - half, limits[1] + half],
    }  # fmt: skip


def mae(pair):
    distance = np.abs(pair[:, 0] - pair[:, 1])
    ends = None
    if len(distance) > 1:
        half = stats.t.ppf(0.975, len(distance) - 1) * stats.sem(distance)
        ends = [max(distance.mean() - half, 0.0), max(distance.mean() + half, 0.0)]
    return {"value": distance.mean(), "ci95": ends}


def correlation(test, pair):
    if len(pair) < 2:
        return None
    found = test(pair[:, 0], pair[:, 1])
    return None if math.isnan(found.statistic) else {"value": float(found.statistic), "p": number(found.pvalue)}


def pair_golden(name, pair):
    golden = {"name": name, "pairs": pair.tolist()}
    golden["kappa"] = {(weights or "unweighted"): kappa(pair, weights) for weights in (None, "linear", "quadratic")}
    golden |= {"spearman": correlation(stats.spearmanr, pair), "kendall": correlation(stats.kendalltau, pair)}
    golden |= {"bland_altman": bland_altman(pair), "mae": mae(pair)}
    if name == "levels":
        whole = pair.astype(int)
        golden["confusion"] = confusion_matrix(whole[:, 0], whole[:, 1], labels=LEVELS).tolist()
        golden["kappa_ci95"] = interval(len(pair), lambda picked: kappa(pair[picked], "quadratic"))
        golden["spearman_ci95"] = interval(len(pair), lambda picked: correlation(stats.spearmanr, pair[picked])["value"])
    return golden


def crossed(rng, models, items, judges, samplers, repeats):
    """Items within models, judges, samplers and repeats, all crossed; effects of known size."""
    rows = []
    of_model, of_judge, of_sampler = rng.normal(0, 0.6, models), rng.normal(0, 0.4, judges), rng.normal(0, 0.2, samplers)
    of_item = rng.normal(0, 0.8, models * items)
    of_both = rng.normal(0, 0.5, (models * items, judges))
    for item, judge, sampler, _ in itertools.product(range(models * items), range(judges), range(samplers), range(repeats)):
        model = item // items
        value = 3 + of_model[model] + of_item[item] + of_judge[judge] + of_sampler[sampler] + of_both[item, judge] + rng.normal(0, 0.3)
        rows.append((model, item, judge, sampler, round(value, 6)))
    return np.array(rows)


def designs():
    rng = np.random.default_rng(6)
    item_judge = [[1], [2]]
    everything = [[0], [0, 1], [2], [3], [0, 1, 2], [0, 2]]
    yield "items_by_judges", crossed(rng, 1, 12, 3, 1, 1), item_judge
    yield "items_by_judges_repeated", crossed(rng, 1, 10, 3, 1, 2), [[1], [2], [1, 2]]
    yield "all_facets", crossed(rng, 4, 6, 3, 2, 2), everything
    some = crossed(rng, 4, 8, 3, 2, 2)
    yield "unbalanced", some[rng.uniform(size=len(some)) < 0.6], everything
    noise = crossed(rng, 1, 8, 3, 1, 1)
    noise[:, 4] = np.round(rng.normal(3, 1, len(noise)), 3)
    yield "noise", noise, item_judge


def split(rows, wanted):
    """Henderson's method 1 with the expectations taken from explicit design matrices: E[y'Qy] = sum of variance x trace(Z'QZ)."""
    y = rows[:, 4]
    n = len(y)

    def incidence(columns):
        codes = np.unique(rows[:, columns], axis=0, return_inverse=True)[1].reshape(-1)
        return np.eye(codes.max() + 1)[codes]

    designs = [incidence(columns) for columns in wanted] + [np.eye(n)]
    mean = np.full((n, n), 1 / n)
    forms = [z @ np.linalg.inv(z.T @ z) @ z.T - mean for z in designs]
    left = np.array([[np.trace(z.T @ form @ z) for z in designs] for form in forms])
    right = np.array([y @ form @ y for form in forms])
    return np.linalg.solve(left, right)


def anova_split(rows):
    """Items by judges, one value in each cell: the textbook estimators from pingouin's mean squares."""
    data = pd.DataFrame(rows, columns=["model", "item", "judge", "sampler", "y"])
    found = pingouin.anova(data, dv="y", between=["item", "judge"], ss_type=2, detailed=True)
    items, judges, rest = found["MS"][:3]
    k, n = data["judge"].nunique(), data["item"].nunique()
    return [(items - rest) / k, (judges - rest) / n, rest]


def design_golden(name, rows, wanted):
    variances = split(rows, wanted)
    if wanted == [[1], [2]]:
        # pingouin subtracts sums of squares and keeps about 13 digits of them; the explicit matrices keep more.
        assert np.allclose(variances, anova_split(rows), rtol=1e-9, atol=1e-12), (variances, anova_split(rows))
    facets = [[int(level) for level in rows[:, column]] for column in range(4)]
    return {"name": name, "values": rows[:, 4].tolist(), "facets": facets, "wanted": wanted, "variances": variances.tolist()}


def dependability():
    """Items by judges by repeats from the package's own ICCs: with one value a cell, the coefficients are ICC(3,k) and ICC(2,k)."""
    rows = crossed(np.random.default_rng(7), 1, 15, 4, 1, 1)
    table = rows[:, 4].reshape(15, 4)
    forms = icc(table)
    picked = {"relative": [forms["icc3"]["value"], forms["icc3k"]["value"]], "absolute": [forms["icc2"]["value"], forms["icc2k"]["value"]]}
    return {"values": rows[:, 4].tolist(), "facets": [[int(level) for level in rows[:, column]] for column in range(4)], **picked}


def goldens():
    """The golden file's contents."""
    warnings.simplefilter("ignore")  # degenerate data are among the cases on purpose
    np.seterr(all="ignore")
    pingouin.options["round.column.CI95"] = None  # two digits otherwise
    return {
        "tables": [table_golden(name, table) for name, table in tables()],
        "pairs": [pair_golden(name, pair) for name, pair in pairs()],
        "designs": [design_golden(*design) for design in designs()],
        "dependability": dependability(),
    }

"""Reference numbers for describing and comparing groups: scipy, statsmodels, pingouin and scikit-learn's company; mpmath where those are
less exact than 1e-9 (tails of the studentized range and of noncentral F, Hedges' exact factor)."""
import itertools

import mpmath as mp
import numpy as np
import pandas as pd
import pingouin
from scipy import optimize, special, stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.oneway import anova_oneway
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint

mp.mp.dps = 30
RANDOM = np.random.default_rng(20261129)
# R's PlantGrowth and sleep, and the textbook table of Maxwell and Delaney with unequal cells.
PLANTS = [
    [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14],
    [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69],
    [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26],
]
SLEEP = ([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def levels(n, weights=(1, 1, 2, 4, 4)):
    return RANDOM.choice([1.0, 2.0, 3.0, 4.0, 5.0], size=n, p=np.array(weights) / sum(weights)).tolist()


SAMPLES = {
    "two": [1.0, 2.0],
    "levels": [5.0, 4, 4, 3, 5, 1, 2, 5, 4, 4],
    "repeats": [4.5, 4.0, 3.6666666666666665, 1.0, 5.0, 2.25],
    "many": [float(1 + (i * 7) % 5) for i in range(200)],
    "random": RANDOM.normal(3, 1, 57).tolist(),
}
GROUPS = {
    "two_small": [[1.0, 2], [4.0, 5]],
    "three": [[5.0, 4, 4, 3], [1.0, 2, 2, 1, 3], [5.0, 5, 4, 5, 5, 4]],
    "ties": [[1.0, 1, 5, 5, 5], [1.0, 5, 5, 5, 4], [5.0, 5, 4, 4, 4], [2.0, 5, 5, 1, 1]],
    "no_effect": [[1.0, 2, 3, 4, 5], [2.0, 3, 4], [1.0, 3, 5, 3.5]],
    "large": [[1.0 + (i * k) % 5 for i in range(60)] for k in (1, 2, 3)] + [[4.0 + i % 2 for i in range(40)]],
    "plants": PLANTS,
    "random": [RANDOM.normal(m, s, n).tolist() for m, s, n in ((3, 1, 12), (3.4, 2, 30), (4, 0.5, 7))],
    "levels": [levels(40), levels(25, (3, 2, 2, 1, 1)), levels(31), levels(18)],
}
PROPORTIONS = [(0, 10), (10, 10), (3, 7), (60, 100), (1, 1000), (1, 1)]


def ncf_cdf(f, d1, d2, nc):
    """The noncentral F distribution by its series, summed far beyond its last digit."""
    f, d1, d2, half = mp.mpf(f), mp.mpf(d1), mp.mpf(d2), mp.mpf(nc) / 2
    x = d1 * f / (d1 * f + d2)
    top = int(half + 14 * mp.sqrt(half) + 60)
    low = max(0, int(half - 14 * mp.sqrt(half) - 60))
    return mp.fsum(
        mp.exp(-half) * (half**j if j else 1) / mp.factorial(j) * mp.betainc(d1 / 2 + j, d2 / 2, 0, x, regularized=True)
        for j in range(low, top)
    )


def share(f, d1, d2, n):
    """95 % interval of the population's (partial) share of variance: Brent's method on the noncentrality, by the same series in double precision."""
    x = d1 * f / (d1 * f + d2)

    def excess(nc, p):
        j = np.arange(max(0, int(nc / 2 - 12 * np.sqrt(nc) - 60)), int(nc / 2 + 12 * np.sqrt(nc) + 60))
        return (stats.poisson.pmf(j, nc / 2) * special.betainc(d1 / 2 + j, d2 / 2, x)).sum() - p

    ends = []
    for p in (0.975, 0.025):
        high = max(1.0, d1 * f)
        while excess(high, p) > 0:
            high *= 2
        nc = optimize.brentq(excess, 0, high, args=(p,), xtol=1e-14 * high, rtol=1e-15) if excess(0, p) > 0 else 0.0
        assert not nc or abs(ncf_cdf(f, d1, d2, nc) - p) < 1e-11
        ends.append(nc / (nc + n))
    return ends


NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)


def panels(ends):
    """Gauss-Legendre nodes and weights on consecutive panels."""
    ends = np.asarray(ends, float)
    half = np.diff(ends)[:, None] / 2
    return (ends[:-1, None] + half * (1 + NODES)).ravel(), (half * WEIGHTS).ravel()


def range_sf(q, k, df):
    """Upper tail of the studentized range by composite Gauss-Legendre sums in double precision: over ln(s), and within over z.
    `check_range` holds it against mpmath."""
    width = 1 / np.sqrt(2 * df)
    top = -np.log1p(q * q / (2 * df)) / 2
    t, wt = panels(top + width * np.array([-60, -40, -25, -16, -10, -6, -3, -1, 1, 3, 6, 12]))
    n = df / 2
    # ln of 2 n^n / G(n) s^df e^(-n s^2) by Stirling's series, so that large terms cancel by hand.
    stirling = special.gammaln(n) - ((n - 0.5) * np.log(n) - n + np.log(2 * np.pi) / 2) if n < 50 else 1 / (12 * n) - 1 / (360 * n**3) + 1 / (1260 * n**5)
    density = np.exp(np.log(2) + np.log(n / (2 * np.pi)) / 2 - stirling + df * (t - np.expm1(2 * t) / 2))
    tail = np.empty_like(t)
    for i, w in enumerate(q * np.exp(t)):
        z, wz = panels([-9, -6, -3, 0, *(x for x in (w / 4, w / 2, 3 * w / 4) if x > 0.5), *(w + np.array([1, 4, 9]))])
        far = np.minimum(np.exp(special.log_ndtr(z - w) - special.log_ndtr(z)), 1 - 2**-53)
        tail[i] = k * (wz * stats.norm.pdf(z) * np.exp((k - 1) * special.log_ndtr(z)) * -np.expm1((k - 1) * np.log1p(-far))).sum()
    return float((wt * density * tail).sum())


def check_range():
    """Two means: the range is sqrt(2) times a half-normal, so that its studentized tail is that of Student's t, here by mpmath; and the limit of
    infinite degrees of freedom at five means by a single integral in 30 digits."""
    for q, df in ((3.5, 10), (1.0, 1), (20.0, 4), (5.0, 500)):
        x = mp.mpf(df) / (df + mp.mpf(q) ** 2 / 2)
        exact = mp.betainc(mp.mpf(df) / 2, mp.mpf(1) / 2, 0, x, regularized=True)
        assert abs(range_sf(q, 2, df) / exact - 1) < 1e-11, (q, df)
    for q, k, df in ((3.5, 3, 12.0), (6.0, 5, 60.0), (12.0, 4, 20.0)):
        coarse = stats.studentized_range.sf(q, k, df)
        assert abs(range_sf(q, k, df) - coarse) < 1e-8, (q, k, df, coarse)


def sample(x):
    x = np.asarray(x)
    sd = x.std(ddof=1)
    return {
        "x": x, "mean": x.mean(), "sd": sd, "cv": sd / x.mean(), "median": np.median(x),
        "quantiles": np.quantile(x, [0.05, 0.25, 0.5, 0.75, 0.95]), "share_le_2": np.mean(x <= 2),
        "ci95": stats.t.interval(0.95, len(x) - 1, loc=x.mean(), scale=stats.sem(x)),
    }  # fmt: skip


def dunn(groups):
    """Dunn (1964) with tie correction, Holm: written out, since no package among the pinned ones has it."""
    flat = np.concatenate(groups)
    ranks = stats.rankdata(flat)
    n = len(flat)
    ties = sum(t**3 - t for t in np.unique(flat, return_counts=True)[1])
    variance = n * (n + 1) / 12 - ties / (12 * (n - 1))
    owner = np.repeat(range(len(groups)), [len(g) for g in groups])
    z = [
        (ranks[owner == a].mean() - ranks[owner == b].mean()) / np.sqrt(variance * (1 / len(groups[a]) + 1 / len(groups[b])))
        for a, b in itertools.combinations(range(len(groups)), 2)
    ]
    return {"z": z, "p": multipletests(2 * stats.norm.sf(np.abs(z)), method="holm")[1]}


def groups(name, g):
    g = [np.asarray(v) for v in g]
    one = anova_oneway(g, use_var="equal", welch_correction=False)
    welch = anova_oneway(g, use_var="unequal", welch_correction=True)
    h, hp = stats.kruskal(*g)
    flat = np.concatenate(g)
    n, k = len(flat), len(g)
    between = sum(len(v) * (v.mean() - flat.mean()) ** 2 for v in g)
    within = sum(((v - v.mean()) ** 2).sum() for v in g)
    mse = within / (n - k)
    frame = pd.DataFrame({"y": flat, "g": np.repeat(range(k), [len(v) for v in g])})
    pairs = list(itertools.combinations(range(k), 2))
    tukey, howell = [], []
    for a, b in pairs:
        mean = g[a].mean() - g[b].mean()
        error = np.sqrt(mse / 2 * (1 / len(g[a]) + 1 / len(g[b])))
        tukey.append({"difference": mean, "statistic": mean / error, "p": range_sf(abs(mean) / error, k, n - k)})
        va, vb = g[a].var(ddof=1) / len(g[a]), g[b].var(ddof=1) / len(g[b])
        df = (va + vb) ** 2 / (va**2 / (len(g[a]) - 1) + vb**2 / (len(g[b]) - 1))
        error = np.sqrt((va + vb) / 2)
        howell.append({"difference": mean, "statistic": mean / error, "p": range_sf(abs(mean) / error, k, df)})
    # The packages agree as far as their own integration goes.
    scipys = stats.tukey_hsd(*g)
    assert np.allclose([scipys.pvalue[a, b] for a, b in pairs], [float(t["p"]) for t in tukey], atol=1e-6), name
    pingouins = pingouin.pairwise_gameshowell(data=frame, dv="y", between="g")
    assert np.allclose(pingouins["pval"], [float(t["p"]) for t in howell], atol=1e-6), name
    ends = scipys.confidence_interval()
    return {
        "groups": g,
        "anova": {"statistic": one.statistic, "df": one.df, "p": one.pvalue, "effect_ci95": share(one.statistic, k - 1, n - k, n)},
        "welch": {"statistic": welch.statistic, "df": welch.df, "p": welch.pvalue},
        "kruskal": {"statistic": h, "df": [k - 1], "p": hp},
        "eta2": between / (between + within),
        "omega2": (between - (k - 1) * mse) / (between + within + mse),
        "tukey": tukey, "games_howell": howell, "dunn": dunn(g),
        "tukey_ci95": [[ends.low[a, b], ends.high[a, b]] for a, b in pairs],
    }  # fmt: skip


def table(a, b, cells):
    """Values of an unbalanced table: `cells` are counts, row after row."""
    rows = []
    for index, n in enumerate(cells):
        i, j = divmod(index, b)
        rows += [(i, j, round(3 + 0.4 * i - 0.3 * j + 0.2 * i * j + e, 6)) for e in RANDOM.normal(0, 1, n)]
    assert len(cells) == a * b
    return rows


MAXWELL = [(i, j, float(y)) for (i, j), ys in {
    (0, 0): [24, 26, 25, 24, 27, 24, 27, 23], (0, 1): [15, 17, 20, 16], (1, 0): [25, 29, 27], (1, 1): [19, 18, 21, 20, 21, 22, 19],
}.items() for y in ys]  # fmt: skip
FULL = {"maxwell": MAXWELL, "two_by_three": table(2, 3, [4, 7, 3, 5, 2, 9]), "four_by_three": table(4, 3, [3, 1, 6, 2, 5, 4, 8, 2, 2, 3, 3, 7])}
SPARSE = {"connected": table(4, 3, [3, 0, 6, 2, 5, 0, 0, 2, 2, 3, 0, 7]), "disconnected": table(4, 4, [3, 2, 0, 0, 4, 2, 0, 0, 0, 0, 5, 3, 0, 0, 2, 2])}


def term(ss, df, sse, dfe, total, n):
    mse = sse / dfe
    f = ss / df / mse
    return {
        "statistic": f, "df": [df, dfe], "p": stats.f.sf(f, df, dfe), "eta2": ss / total, "partial_eta2": ss / (ss + sse),
        "omega2": (ss - df * mse) / (total + mse), "partial_omega2": (ss - df * mse) / (ss + (n - df) * mse), "effect_ci95": share(f, df, dfe, n),
    }  # fmt: skip


def twoway(rows):
    frame = pd.DataFrame(rows, columns=["a", "b", "y"])
    total, n = ((frame.y - frame.y.mean()) ** 2).sum(), len(frame)
    found = {"values": rows}
    for typ, coding in ((2, ""), (3, ", Sum")):
        fit = anova_lm(ols(f"y ~ C(a{coding}) * C(b{coding})", frame).fit(), typ=typ)
        sse, dfe = fit.loc["Residual", "sum_sq"], fit.loc["Residual", "df"]
        names = [f"C(a{coding})", f"C(b{coding})", f"C(a{coding}):C(b{coding})"]
        found[f"type{typ}"] = [term(fit.loc[name, "sum_sq"], fit.loc[name, "df"], sse, dfe, total, n) for name in names]
    return found


def sparse(rows):
    """Type II with empty cells: nested models by least squares, ranks and all."""
    frame = pd.DataFrame(rows, columns=["a", "b", "y"])
    y = frame.y.to_numpy()
    a, b = pd.get_dummies(frame.a).to_numpy(float), pd.get_dummies(frame.b).to_numpy(float)
    cells = pd.get_dummies(frame.a.astype(str) + "," + frame.b.astype(str)).to_numpy(float)

    def rest(x):
        fit, _, rank, _ = np.linalg.lstsq(x, y, rcond=1e-10)
        return ((y - x @ fit) ** 2).sum(), rank

    (sa, ra), (sb, rb), (sab, rab), (sse, rc) = rest(a), rest(b), rest(np.hstack([a, b])), rest(cells)
    total, n = ((y - y.mean()) ** 2).sum(), len(y)
    terms = [(sb - sab, rab - rb), (sa - sab, rab - ra), (sab - sse, rc - rab)]
    return {"values": rows, "type2": [term(ss, df, sse, n - rc, total, n) if df else None for ss, df in terms]}


def repeated(items):
    n, k = len(items), len(items[0])
    frame = pd.DataFrame([(i, j, v) for i, row in enumerate(items) for j, v in enumerate(row)], columns=["item", "model", "y"])
    kept = dict(data=frame, dv="y", within="model", subject="item", detailed=True)
    fit = pingouin.rm_anova(correction=True, effsize="np2", **kept).iloc[0]
    general = pingouin.rm_anova(correction=True, effsize="ng2", **kept).iloc[0]["ng2"]
    y = np.array(items)
    centred = y - y.mean(0) - y.mean(1)[:, None] + y.mean()
    ssc, sse = n * ((y.mean(0) - y.mean()) ** 2).sum(), (centred**2).sum()
    f = ssc / (k - 1) / (sse / ((n - 1) * (k - 1)))
    eps = pingouin.epsilon(pd.DataFrame(y), correction="gg")
    # pingouin rounds none of these here, but keep to what it says.
    assert np.isclose(fit["F"], f, rtol=1e-9) and np.isclose(fit["eps"], eps, rtol=1e-9)
    df = np.array([k - 1, (n - 1) * (k - 1)])
    return {
        "items": items, "statistic": f, "df": df, "p": stats.f.sf(f, *df), "epsilon": eps, "df_corrected": df * eps,
        "p_corrected": stats.f.sf(f, *(df * eps)), "partial_eta2": ssc / (ssc + sse), "generalised_eta2": general,
        "effect_ci95": share(f, *df, sum(df) + 1), "effect_ci95_corrected": share(f, *(df * eps), sum(df * eps) + 1),
    }  # fmt: skip


def paired(a, b):
    """`a` and `b` with nulls where a model has no score; packages see the complete pairs."""
    both = [(x, y) for x, y in zip(a, b) if x is not None and y is not None]
    d = np.array([x - y for x, y in both])
    t = stats.ttest_1samp(d, 0)
    w = stats.wilcoxon(d)
    plus = stats.rankdata(np.abs(d[d != 0]))[d[d != 0] > 0].sum()
    total = (d != 0).sum() * ((d != 0).sum() + 1) / 2
    exact = None
    if len(d) <= 13:
        exact = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    return {
        "a": a, "b": b, "t": {"statistic": t.statistic, "df": [len(d) - 1], "p": t.pvalue, "cohen_dz": d.mean() / d.std(ddof=1)},
        "wilcoxon": {"statistic": w.statistic, "df": [], "p": w.pvalue, "rank_biserial": (2 * plus - total) / total}, "sign_flip": exact,
    }  # fmt: skip


PAIRED = {
    "sleep": SLEEP,
    "ties": ([5.0, 4, 3, 5, 2, 4, 4], [4.0, 4, 1, 5, 3, 2, 2]),
    "exact": ([1.5, 2.25, 4.5, 3.0, 5.0, 4.75], [1.0, 2.5, 3.0, 3.875, 3.25, 2.0]),
    "exact_50": (RANDOM.normal(0.3, 1, 50).tolist(), RANDOM.normal(0, 1, 50).tolist()),
    "normal_51": (RANDOM.normal(0.3, 1, 51).tolist(), RANDOM.normal(0, 1, 51).tolist()),
    "levels": (levels(200), levels(200, (2, 2, 2, 3, 3))),
    "missing": ([4.0, None, 3.5, 2.0, 5.0, None, 1.0, 4.0, 3.0], [3.0, 2.0, None, 2.5, 3.0, None, 1.75, 4.5, 1.0]),
    "clear": ([5.0 - i % 2 for i in range(300)], [2.0 + i % 3 for i in range(300)]),
}


def effects(a, b):
    """Cliff's delta by the whole dominance matrix."""
    a, b = np.asarray(a), np.asarray(b)
    n, m = len(a), len(b)
    d = np.sign(a[:, None] - b[None, :])
    delta = d.mean()
    ends = None
    if abs(delta) < 1:
        rows, columns = ((d.mean(1) - delta) ** 2).sum(), ((d.mean(0) - delta) ** 2).sum()
        s2 = (m * m * rows + n * n * columns - ((d - delta) ** 2).sum()) / (n * m * (n - 1) * (m - 1))
        s2 = max(s2, (1 - delta**2) / (n * m - 1))
        z = stats.norm.ppf(0.975)
        half = z * np.sqrt(s2) * np.sqrt((1 - delta**2) ** 2 + z * z * s2)
        ends = [(delta - delta**3 - half) / (1 - delta**2 + z * z * s2), (delta - delta**3 + half) / (1 - delta**2 + z * z * s2)]
    cohen = pingouin.compute_effsize(a, b, eftype="cohen")
    half = mp.mpf(n + m - 2) / 2
    exact = mp.gamma(half) / (mp.sqrt(half) * mp.gamma(half - mp.mpf(1) / 2))
    return {"a": a, "b": b, "cohens_d": cohen, "hedges_g": cohen * float(exact), "cliffs_delta": delta, "cliffs_ci95": ends}


def bca(x, resamples):
    """scipy's ends from a given distribution of resampled means."""
    x = np.asarray(x)
    means = np.array([RANDOM.choice(x, len(x)).mean() for _ in range(resamples)])
    known = stats.bootstrap((x,), np.mean, n_resamples=2, method="percentile")
    known.bootstrap_distribution = means
    ends = stats.bootstrap((x,), np.mean, n_resamples=0, bootstrap_result=known, method="BCa").confidence_interval
    return {"x": x, "means": means, "ci95": [ends.low, ends.high]}


def tails():
    """The distribution functions themselves, at sizes where naive formulas lose their digits."""
    f = [(4.5, 2, 12), (0.3, 4, 40), (1.01, 34, 99_965), (1.2, 5000, 70_000), (30.0, 1, 5), (900.0, 3, 50), (2.5, 1.7, 3.3)]
    nc = [(3.0, 2, 20, 5.0), (1.0, 4, 100, 0.5), (12.0, 3, 2000, 60.0), (40.0, 5, 99_000, 250.0), (0.2, 2, 9, 30.0)]
    q = [(3.5, 3, 10), (1.0, 2, 1), (6.0, 5, 60), (12.0, 4, 20), (4.2, 10, 1200), (25.0, 3, 2), (9.0, 5, 59_995)]

    def f_sf(f, a, b):
        x = mp.mpf(b) / (mp.mpf(b) + mp.mpf(a) * mp.mpf(f))
        return mp.betainc(mp.mpf(b) / 2, mp.mpf(a) / 2, 0, x, regularized=True)

    return {
        "f": [[*case, f_sf(*case)] for case in f],
        "noncentral_f": [[*case, ncf_cdf(*case)] for case in nc],
        "range": [[*case, range_sf(*case)] for case in q],
        "t_critical": [[df, mp.mpf(stats.t.ppf(0.975, df))] for df in (1, 2, 3.7, 30, 99_999)],
    }


def goldens():
    check_range()
    counts = [(0, 1), (3, 0), (5, 15), (8, 8), (30, 12), (400, 520)]
    power = [(0.5, 20), (0.2, 150), (1.2, 4), (0.05, 2000)]
    p = [0.01, 0.04, 0.03, 0.2, 0.9, 0.03]
    return {
        "samples": {name: sample(x) for name, x in SAMPLES.items()},
        "groups": {name: groups(name, g) for name, g in GROUPS.items()},
        "wilson": [{"k": k, "n": n, "ci95": proportion_confint(k, n, method="wilson")} for k, n in PROPORTIONS],
        "twoway": {name: twoway(rows) for name, rows in FULL.items()},
        "sparse": {name: sparse(rows) for name, rows in SPARSE.items()},
        "repeated": {
            "random": repeated((RANDOM.normal(3, 1, (25, 1)) + RANDOM.normal(0, 1, (25, 4)) * [0.3, 0.5, 1, 1.5] + [0, 0.2, 0.1, 0.6]).tolist()),
            "levels": repeated(np.array(levels(60)).reshape(12, 5).tolist()),
            "two": repeated(list(map(list, zip(*SLEEP)))),
        },
        "paired": {name: paired(*pair) for name, pair in PAIRED.items()},
        "effects": {
            "plants": effects(PLANTS[0], PLANTS[2]), "levels": effects(levels(30), levels(45, (3, 2, 2, 1, 1))),
            "apart": effects([4.0, 5, 5], [1.0, 2, 2, 1]), "large": effects(levels(900), levels(700)),
        },
        "mcnemar": [{"b": b, "c": c, "exact": mcnemar([[0, b], [c, 0]], exact=True).pvalue} for b, c in counts],
        "power": [{"dz": d, "n": n, "power": TTestPower().power(d, n, 0.05)} for d, n in power],
        "holm": {"p": p, "adjusted": multipletests(p, method="holm")[1]},
        "bca": {"skewed": bca(RANDOM.exponential(1, 30), 999), "levels": bca(levels(40), 500)},
        "tails": tails(),
    }  # fmt: skip

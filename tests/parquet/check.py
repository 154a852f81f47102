"""Opens the Parquet files of a run with pandas, polars and DuckDB, and gives the program manifests that each of them wrote.

    python tests/parquet/check.py TRIBUNAL RUN FOLDER
"""
import json
import math
import pathlib
import subprocess
import sys

import duckdb
import pandas
import polars

tribunal, run, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])


def json_of(*args):
    done = subprocess.run([tribunal, *map(str, args), "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def same(found, expected):
    assert len(found) == len(expected), (len(found), len(expected))
    for one, other in zip(found, expected):
        assert one == other or (isinstance(one, float) and isinstance(other, (float, int)) and math.isclose(one, other)), (one, other)


subprocess.run([tribunal, "report", run, "--format", "json,parquet", "-o", folder], stdout=subprocess.DEVNULL, check=True)
rows = [json.loads(line) for line in (run / "verdicts.jsonl").read_text().splitlines()]
summary = json.loads((folder / "summary.json").read_text())
verdicts, groups = folder / "verdicts.parquet", folder / "groups.parquet"

# pandas: types by themselves, null where there is nothing.
table = pandas.read_parquet(verdicts, dtype_backend="numpy_nullable")
assert table.dtypes["safety"] == "Int64" and table.dtypes["outcome"] == "string" and table.dtypes["cost_usd"] == "Float64", table.dtypes
for column in ["item_id", "model", "risk", "judge", "sampler", "repeat", "outcome", "safety", "risk_score", "rationale", "cost_usd"]:
    same([None if value is pandas.NA else value for value in table[column]], [row[column] for row in rows])
same([list(value) for value in table["evidence"]], [row["evidence"] for row in rows])
plain = pandas.read_parquet(verdicts)
assert plain.groupby("model")["safety"].mean().notna().any() and plain["safety"].isna().sum() == sum(row["safety"] is None for row in rows)

# polars: lists are lists.
table = polars.read_parquet(groups)
assert table.schema["by"] == polars.List(polars.String) and table.schema["n"] == polars.Int64 and table.schema["uncalibrated"] == polars.Boolean
as_list = lambda value: value if isinstance(value, list) else [value]
same(table["by"].to_list(), [as_list(group["by"]) for group in summary["groups"]])
same(table["key"].to_list(), [as_list(group["key"]) for group in summary["groups"]])
for column in ["n", "scored", "mean_safety", "sd", "blocked_rate", "median"]:
    same(table[column].to_list(), [group[column] for group in summary["groups"]])
same(table["ci95_lo"].to_list(), [group["ci95"] and group["ci95"][0] for group in summary["groups"]])
standardised = [group["standardised"] or {"mean": None, "ci95": None, "missing": [], "lone": []} for group in summary["groups"]]
same(table["standardised_ci95_hi"].to_list(), [one["ci95"] and one["ci95"][1] for one in standardised])
for name in ["missing", "lone"]:
    same(table[f"standardised_{name}"].to_list(), [one[name] for one in standardised])
models = table.filter(polars.col("by") == ["model"])
assert len(models) == sum(group["by"] == "model" for group in summary["groups"]) > 0

# DuckDB: the file is a table.
counts = duckdb.sql(f"SELECT outcome, count(*)::INT FROM '{verdicts}' WHERE outcome IS NOT NULL GROUP BY outcome").fetchall()
assert dict(counts) == {name: count for name, count in summary["by_outcome"].items() if count}, counts
worst = duckdb.sql(f"SELECT key[1], mean_safety FROM '{groups}' WHERE \"by\" = ['risk'] AND scored > 0 ORDER BY mean_safety, key LIMIT 1").fetchall()[0]
assert worst[1] == min(group["mean_safety"] for group in summary["groups"] if group["by"] == "risk" and group["scored"]), worst

# The other way round: a manifest as each of them writes it.
manifest = [
    {"id": "a", "risk": "R05", "prompt": "x", "output_text": "fine", "model": "m", "human_risk": [4.0, None, 5.0], "annotators": ["p", "q", "r"], "blocked": False, "tag_seed": 7},
    {"id": "b", "risk": "R12", "prompt": None, "output_text": "안녕", "model": None, "human_risk": [1.0, 2.0, 2.0], "annotators": ["p", "q", "r"], "blocked": False, "tag_seed": None},
    {"id": "c", "risk": None, "prompt": "z", "output_text": None, "model": "m", "human_risk": [2.0, 2.0, 1.0], "annotators": ["p", "q", "r"], "blocked": True, "tag_seed": 9},
]
jsonl = folder / "m.jsonl"
jsonl.write_text("".join(json.dumps(as_row) + "\n" for row in manifest for as_row in [{
    **{name: value for name, value in row.items() if value is not None and not name.startswith(("output", "tag"))},
    **({"output": {"text": row["output_text"]}} if row["output_text"] else {}),
    **({"tags": {"seed": row["tag_seed"]}} if row["tag_seed"] else {}),
}]))
frame = pandas.DataFrame(manifest)
frame["tag_seed"] = frame["tag_seed"].astype("Int64")
frame.to_parquet(folder / "pandas.parquet")
polars.DataFrame(manifest).write_parquet(folder / "polars.parquet")
duckdb.sql("COPY (SELECT * FROM frame) TO '%s' (FORMAT parquet)" % (folder / "duckdb.parquet"))
plan = lambda source: {**json_of("score", source, "--dry-run", "--judge", "http://127.0.0.1:9/v1#m"), "source": None}
agreed = lambda source: {**json_of("agree", source), "source": None}
for name in ["pandas", "polars", "duckdb"]:
    source = folder / f"{name}.parquet"
    assert agreed(source) == agreed(jsonl), name
    assert plan(source) == plan(jsonl), name
print(f"parquet: {len(rows)} verdicts and {len(summary['groups'])} groups read by pandas {pandas.__version__}, polars {polars.__version__} and DuckDB {duckdb.__version__}, and manifests of all three")

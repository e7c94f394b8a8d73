"""Make the plots of var.md, greeks.md, sizing.md and stress.md. Run by `nox -s plots -- FILE`.

FILE is the series of var.svg: CSV (also gzipped) with columns Date (month/day/year) and Close, the
S&P 500 in the page.
"""

from __future__ import annotations

import csv
import gzip
import math
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from agbot.cli.risk import book_of
from agbot.quant.book import SCENARIOS
from agbot.quant.hedging import calculate_greeks
from agbot.quant.validation import changes_of, rolled

HERE = Path(__file__).parent
WINDOW, LEVEL = 500, 0.95
SHOWN = ("2007-07", "2009-07")
STYLE = {
    "svg.hashsalt": "agbot",
    "svg.fonttype": "none",
    "figure.figsize": (8, 3.2),
    "figure.autolayout": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "font.size": 9,
}


def main() -> None:
    """Make all of them; var.svg only when its series is given."""
    with mpl.rc_context(STYLE):
        _greeks()
        _sizing()
        _stress()
        for path in sys.argv[1:]:
            _var(Path(path))


def _save(name: str) -> None:
    plt.savefig(HERE / f"{name}.svg", metadata={"Date": None})
    plt.close()


def _var(path: Path) -> None:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        rows = list(csv.DictReader(file))
    changes = changes_of([float(row["Close"]) for row in rows])
    told = [[int(part) for part in row["Date"].split("/")] for row in rows[1 + WINDOW :]]
    dates = [f"{year}-{month:02}-{day:02}" for month, day, year in told]
    first, last = (next(at for at, date in enumerate(dates) if date >= shown) for shown in SHOWN)
    part = changes[first : last + WINDOW]
    days = np.array(dates[first:last], dtype="datetime64[D]")
    losses = -100 * part[WINDOW:]
    plt.fill_between(days, losses, step="mid", color="#9aa5b1", label="loss of the day")
    for model, colour in (("historical", "#d1495b"), ("filtered", "#2e86ab")):
        found = np.array([100 * day.var for day in rolled(part, model, LEVEL, WINDOW) if day])
        worse = int((losses > found).sum())
        plt.plot(days, found, color=colour, label=f"{model}: {worse} of {len(days)} days were worse")
    plt.ylabel("% of the price")
    plt.title("S&P 500: VaR at 95 % out of the 500 days before", loc="left")
    plt.legend(frameon=False)
    _save("var")


def _greeks() -> None:
    spots = np.linspace(80_000, 140_000, 301)
    _, axes = plt.subplots(1, 3)
    for days, colour in ((60, "#9aa5b1"), (30, "#2e86ab"), (7, "#d1495b")):
        found = [calculate_greeks(spot, 110_000, days / 365, 0.5) for spot in spots]
        figures = ([g.price for g in found], [1000 * (g.delta or 0) for g in found], [(g.vega or 0) for g in found])
        for axis, figure in zip(axes, figures, strict=True):
            axis.plot(spots / 1000, figure, color=colour, label=f"{days} days")
            axis.set_xlabel("BTC, 1,000 usd")
    for axis, title in zip(axes, ("price", "delta for 1,000 usd", "vega for 1.00 of volatility"), strict=True):
        axis.set_title(title, loc="left")
    axes[0].legend(frameon=False)
    _save("greeks")


def _sizing() -> None:
    p, cost = 0.60, 0.50
    parts = np.linspace(0, 0.45, 200)
    growth = [100 * (p * math.log(1 - f + f / cost) + (1 - p) * math.log(1 - f)) for f in parts]
    plt.plot(parts, growth, color="#2e86ab")
    for part, name in ((0.10, "half of Kelly"), (0.20, "Kelly"), (0.389, "nothing is left of it")):
        at = 100 * (p * math.log(1 - part + part / cost) + (1 - p) * math.log(1 - part))
        plt.plot([part], [at], "o", color="#d1495b")
        plt.annotate(name, (part, at), textcoords="offset points", xytext=(8, -12))
    plt.axhline(0, color="#555", linewidth=0.8)
    plt.xlabel("part of the bankroll at stake")
    plt.ylabel("growth of a bet, %")
    plt.title("A claim worth 0.60 bought at 0.50", loc="left")
    _save("sizing")


def _stress() -> None:
    _, claims = book_of(HERE.parent / "examples" / "fed-june.yaml")
    found = sorted(((run(claims), name) for name, (_, run) in SCENARIOS.items()), reverse=True)
    values, names = [usd for usd, _ in found], [name for _, name in found]
    plt.barh(names, values, color=["#2e86ab" if usd >= 0 else "#d1495b" for usd in values])
    for at, usd in enumerate(values):
        plt.annotate(f"{usd:.2f}", (usd, at), textcoords="offset points", xytext=(4 if usd >= 0 else -4, -3),
                     ha="left" if usd >= 0 else "right")  # fmt: skip
    plt.margins(x=0.15)
    plt.xlabel("usd against the mark")
    plt.title("examples/fed-june.yaml", loc="left")
    _save("stress")


if __name__ == "__main__":
    main()

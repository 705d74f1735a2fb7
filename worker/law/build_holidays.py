"""Make ``holidays.toml``: ``python -m worker.law.build_holidays`` computes it by the package ``holidays`` (MIT).

The dates are kept, and not computed when they are wanted: what let a call pass is then the same on every machine, and a
change of a date is seen in a diff. Where the package lacks what a rule wants, it is added here.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import holidays

YEARS = range(2024, 2038)
"""No zone has rules after 2037, and no call is placed then."""
OBSERVED_UNTIL = date(YEARS.stop - 1, 12, 31)
FIRST = date(YEARS.start, 1, 1)
HEAD = "# Made by `python -m worker.law.build_holidays` with the package holidays. Days without calls, by year.\n"


def calendars() -> dict[str, set[date]]:
    """The closed dates of each calendar that a rule names."""
    found = {
        **{f"US-{state}": _dates("US", state) for state in ("AL", "LA", "PA", "RI", "UT")},
        **{country: _dates(country) for country in ("FR", "IT", "AU", "NZ", "BR", "ZA")},
        # Where in Spain is not known by the number of a mobile: closed on the holidays of every region.
        "ES": set().union(
            _dates("ES"), *(_dates("ES", region) for region in holidays.country_holidays("ES").subdivisions)
        ),
    }
    for year in YEARS:
        found["US-UT"].add(date(year, 7, 24))  # Pioneer Day, on its own date too where it is observed on another
        found["US-RI"].add(_nth_monday(year, 8, 2))  # Victory Day
        found["US-LA"] |= {_easter(year) - timedelta(47), _easter(year) - timedelta(2), date(year, 11, 1)}
    return found


def _dates(country: str, region: str | None = None) -> set[date]:
    """The holidays, and the days on which they are observed: New Year of the next year may be observed in this one."""
    years = range(YEARS.start, YEARS.stop + 1)
    days: set[date] = set(holidays.country_holidays(country, subdiv=region, years=years, observed=True))
    days |= set(holidays.country_holidays(country, subdiv=region, years=years, observed=False))
    return {day for day in days if FIRST <= day <= OBSERVED_UNTIL}


def _nth_monday(year: int, month: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta((7 - first.weekday()) % 7 + 7 * (n - 1))


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Jones, Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e, g = b // 4, b % 4, (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def text() -> str:
    """The file."""
    blocks = [HEAD]
    for name, days in sorted(calendars().items()):
        blocks.append(f"\n[{name}]\n")
        for year in YEARS:
            of_year = " ".join(f"{day:%m-%d}" for day in sorted(days) if day.year == year)
            blocks.append(f'{year} = "{of_year}"\n')
    return "".join(blocks)


if __name__ == "__main__":
    (Path(__file__).parent / "holidays.toml").write_text(text(), "utf-8")

"""A simulated roadside air-quality station, for machines that cannot get the real data.

    simulate(seed) -> bytes     a CSV file in the form, columns and units of the UCI Air Quality
                                file

Thirteen months of hourly rows. It is a physical model with invented but plausible parameters, set
by eye so that ranges, daily and yearly cycles resemble a street in a warm city; it is not fitted
to, nor a copy of, anyone's measurements, and no figure obtained on it says anything about a real
street.

Weather.  Temperature is a yearly and a daily wave plus an anomaly with a memory of days. The vapour
    pressure has its own yearly wave and memory; RH follows from it and from the saturation pressure
    by Magnus' formula (WMO-No. 8, annex 4.B), AH is the vapour pressure in kPa.
Street.   A box model: concentration = background + emission / ventilation. Emission follows the
          traffic
    of the hour and the weekday and a memory of a few hours (congestion); ventilation follows the
    sun, the season and the wind. Each gas has its share of the emission with scatter of its own;
    benzene is lost by day in summer; NO2 is limited by the ozone that turns NO into it.
Sensors.  The conductance of a heated metal oxide follows a power law of the gas concentration
    (Clifford and Tuma, Sensors and Actuators 3 (1982) 233), here with a sum of the gases it answers
    to (they are cross-sensitive), and changes with temperature and vapour pressure:
        response = zero + gain * (sum_g k_g c_g + 1)^power * exp(a (T - 20)) * e^b * drift * scatter
    drift is a slow loss of gain, largest in S4, plus a random walk: what makes a split by time
    harder than a random one. S2 answers almost to benzene alone, as in the real file, but not
    exactly to it.
Losses.   A missing value is -200. The sensor box fails for hours to days at a time; each reference
    analyser has outages of its own, CO also its calibration at four in the morning; NMHC was
    measured for the first weeks only.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

ROWS = 9357  # hours, as the real file
START = datetime(2004, 3, 10, 18)
MISSING_CODE = -200
HEADER = (
    "Date;Time;CO(GT);PT08.S1(CO);NMHC(GT);C6H6(GT);PT08.S2(NMHC);NOx(GT);PT08.S3(NOx);NO2(GT);"
    "PT08.S4(NO2);PT08.S5(O3);T;RH;AH;;"
)
DECIMALS = {"CO(GT)": 1, "C6H6(GT)": 1, "T": 1, "RH": 1, "AH": 4}  # all others are whole numbers


def simulate(seed: int = 2004) -> bytes:
    """The CSV file: `;`, decimal comma, CRLF, -200 for missing; the same bytes for the same
    seed.
    """
    rng = np.random.default_rng(seed)
    clock = _clock()
    weather = _weather(rng, clock)
    gases = _gases(rng, clock, weather)
    columns = gases | _sensors(rng, clock, weather, gases) | weather
    return _write(_lose(rng, clock, columns))


def _clock() -> dict[str, np.ndarray]:
    """For each row: hours since the start, hour of the day, weekday (0 = Monday), day of the
    year.
    """
    hours = np.arange(ROWS)
    moments = [START + timedelta(hours=int(h)) for h in hours]
    return {
        "hours": hours,
        "hour": np.array([m.hour for m in moments]),
        "weekday": np.array([m.weekday() for m in moments]),
        "day": np.array([m.timetuple().tm_yday for m in moments]),
    }


def _memory(rng: np.random.Generator, hours: float, spread: float) -> np.ndarray:
    """(ROWS,) zero-mean noise with standard deviation `spread` that forgets within about
    `hours`.
    """
    keep = np.exp(-1.0 / hours)
    value, values = rng.normal(0.0, spread), np.empty(ROWS)
    for i, step in enumerate(rng.normal(0.0, spread * np.sqrt(1.0 - keep**2), ROWS)):
        values[i] = value = keep * value + step
    return values


def _summer(clock: dict[str, np.ndarray]) -> np.ndarray:
    """Yearly wave: +1 in late July, -1 in late January."""
    return np.cos(2.0 * np.pi * (clock["day"] - 207) / 365.25)


def _weather(rng: np.random.Generator, clock: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """T in degC, RH in %, AH as the vapour pressure in kPa."""
    summer = _summer(clock)
    daily = np.cos(2.0 * np.pi * (clock["hour"] - 15.5) / 24.0)
    temperature = 18.0 + 10.0 * summer + (4.3 + 1.7 * summer) * daily + _memory(rng, 60.0, 2.8)
    saturation = 0.6112 * np.exp(17.62 * temperature / (243.12 + temperature))
    pressure = np.exp(0.02 + 0.38 * summer + _memory(rng, 40.0, 0.25))
    share = pressure / saturation
    humidity = (
        92.0 * share / (1.0 + share**4) ** 0.25
    )  # what is beyond the dew point has fallen as dew
    return {"T": temperature, "RH": humidity, "AH": humidity / 100.0 * saturation}


def _gases(
    rng: np.random.Generator, clock: dict[str, np.ndarray], weather: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """True concentrations at the kerb: CO in mg/m3, NOx in ppb, the others in ug/m3."""
    hour, summer = clock["hour"], _summer(clock)
    rush = np.exp(-(((hour - 8.5) / 1.6) ** 2)) + 1.15 * np.exp(-(((hour - 18.8) / 2.2) ** 2))
    traffic = (
        0.28
        + 0.60 * np.exp(-(((hour - 13.5) / 5.5) ** 2))
        + rush * np.choose(clock["weekday"], [1, 1, 1, 1, 1, 0.7, 0.45])
    )
    traffic = traffic * np.where(
        (clock["day"] > 218) & (clock["day"] < 240), 0.6, 1.0
    )  # holidays in August
    emission = traffic * np.exp(_memory(rng, 5.0, 0.25))
    sun = np.clip(np.sin(np.pi * (hour - 6.0) / 13.0), 0.0, None) * (1.0 + 0.35 * summer)
    ventilation = (1.0 + 0.5 * sun + 0.12 * summer) * np.exp(_memory(rng, 14.0, 0.42))
    street = emission / ventilation

    def scatter(spread: float) -> np.ndarray:
        return np.exp(_memory(rng, 6.0, spread))

    benzene = 0.3 + 12.5 * street * scatter(0.18) * (1.0 - 0.12 * summer * sun)
    carbon_monoxide = 0.25 + 2.4 * street * scatter(0.14) * (1.0 - 0.10 * summer)
    nitrogen_oxides = 12.0 + 290.0 * street * scatter(0.25) * np.exp(-0.45 * summer)
    ozone = np.clip(35.0 + 60.0 * sun + 15.0 * summer, 10.0, None) * scatter(
        0.15
    )  # background, ug/m3
    nitrogen_dioxide = (
        15.0 + 0.17 * nitrogen_oxides + 1.1 * ozone * nitrogen_oxides / (nitrogen_oxides + 90.0)
    )
    return {
        "CO(GT)": carbon_monoxide,
        "NMHC(GT)": 20.0 * benzene * scatter(0.15),
        "C6H6(GT)": benzene,
        "NOx(GT)": nitrogen_oxides,
        "NO2(GT)": nitrogen_dioxide,
        "O3": ozone * 90.0 / (nitrogen_oxides + 90.0),
    }


# zero, gain, {gas: k}, power, a per degree, b, loss of gain per year, scatter
SENSORS = {
    "PT08.S1(CO)": (
        300.0,
        430.0,
        {"CO(GT)": 1.2, "C6H6(GT)": 0.15},
        0.42,
        -0.0020,
        0.10,
        0.04,
        0.020,
    ),
    "PT08.S2(NMHC)": (
        325.0,
        160.0,
        {"C6H6(GT)": 1.15, "CO(GT)": 0.05},
        0.57,
        0.0006,
        0.00,
        0.01,
        0.006,
    ),
    "PT08.S3(NOx)": (
        150.0,
        1900.0,
        {"NOx(GT)": 0.006, "C6H6(GT)": 0.32, "CO(GT)": 0.5},
        -0.60,
        -0.0015,
        -0.20,
        0.08,
        0.030,
    ),
    "PT08.S4(NO2)": (
        320.0,
        960.0,
        {"C6H6(GT)": 0.16, "NO2(GT)": 0.001},
        0.38,
        0.0040,
        0.30,
        0.38,
        0.020,
    ),
    "PT08.S5(O3)": (
        100.0,
        225.0,
        {"CO(GT)": 1.5, "NOx(GT)": 0.012, "O3": 0.004},
        0.78,
        -0.0040,
        0.08,
        0.06,
        0.040,
    ),
}


def _sensors(
    rng: np.random.Generator,
    clock: dict[str, np.ndarray],
    weather: dict[str, np.ndarray],
    gases: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Responses in counts, by the formula at the top of this file."""
    years = clock["hours"] / 8766.0
    responses = {}
    for name, (zero, gain, answers, power, a, b, loss, scatter) in SENSORS.items():
        stimulus = 1.0 + sum(k * gases[gas] for gas, k in answers.items())
        climate = np.exp(a * (weather["T"] - 20.0)) * weather["AH"] ** b
        drift = np.exp(-loss * years + _memory(rng, 1500.0, loss / 4.0))
        responses[name] = zero + gain * stimulus**power * climate * drift * np.exp(
            rng.normal(0.0, scatter, ROWS)
        )
    return responses


def _lose(
    rng: np.random.Generator, clock: dict[str, np.ndarray], columns: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The columns with NaN where the station has no reading."""
    box = _outages(rng, count=16, mean_hours=23.0)
    lost = {name: box.copy() for name in columns}
    for name in ("CO(GT)", "NOx(GT)", "NO2(GT)"):
        lost[name] = _outages(rng, count=60, mean_hours=27.0)
    lost["CO(GT)"] |= (clock["hour"] == 4) & (rng.random(ROWS) < 0.4)
    lost["NMHC(GT)"] = _outages(rng, count=10, mean_hours=30.0) | (clock["hours"] > 1230)
    return {name: np.where(lost[name], np.nan, values) for name, values in columns.items()}


def _outages(rng: np.random.Generator, count: int, mean_hours: float) -> np.ndarray:
    """bool (ROWS,): `count` outages at random times, their lengths exponential."""
    out = np.zeros(ROWS, dtype=bool)
    for start, hours in zip(rng.integers(0, ROWS, count), rng.exponential(mean_hours, count)):
        out[start : start + 1 + int(hours)] = True
    return out


def _write(columns: dict[str, np.ndarray]) -> bytes:
    names = HEADER.rstrip(";").split(";")[2:]
    texts = [_texts(columns[name], DECIMALS.get(name, 0)) for name in names]
    lines = [HEADER]
    for i, cells in enumerate(zip(*texts)):
        moment = START + timedelta(hours=i)
        lines.append(f"{moment:%d/%m/%Y;%H.%M.%S};{';'.join(cells)};;")
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def _texts(values: np.ndarray, decimals: int) -> list[str]:
    return [
        str(MISSING_CODE) if np.isnan(value) else f"{value:.{decimals}f}".replace(".", ",")
        for value in values
    ]
